import type { Middleware } from "koa";
import { causeOf } from "../errors.ts";
import type { Services } from "../services.ts";

/** `GET /-/healthy`: the process answers. */
export function healthy(): Middleware {
  return async function answerHealthy(ctx) {
    ctx.body = { status: "ok" };
  };
}

/** `GET /-/metrics`, in Prometheus' text format. */
export function showMetrics({ metrics }: Services): Middleware {
  return async function answerMetrics(ctx) {
    ctx.type = metrics.contentType;
    ctx.body = await metrics.text();
  };
}

/** `GET /-/ready`: the LangGraph server answers, too; otherwise 503 with the cause. */
export function ready({ server, upstream }: Services): Middleware {
  return async function answerReady(ctx) {
    try {
      ctx.body = { status: "ok", upstream: upstream.url, server: await server.ask() };
    } catch (error) {
      ctx.status = 503;
      ctx.body = { status: "unavailable", upstream: upstream.url, message: causeOf(error) };
    }
  };
}
