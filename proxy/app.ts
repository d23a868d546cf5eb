import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import Router from "@koa/router";
import Koa from "koa";
import type { Logger } from "pino";
import { admit } from "./admit.ts";
import { answerErrors } from "./answer-errors.ts";
import type { Settings } from "./env.ts";
import { asProxyError } from "./errors.ts";
import { Metrics } from "./metrics.ts";
import { createPassOn } from "./pass-on.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";
import { cancelRun } from "./routes/cancel.ts";
import { cancelMany } from "./routes/cancel-many.ts";
import { commands } from "./routes/commands.ts";
import { healthy, ready, showMetrics } from "./routes/health.ts";
import { holdDuringStops } from "./routes/hold.ts";
import { runsCreate } from "./routes/runs-create.ts";
import { runsJoin } from "./routes/runs-join.ts";
import { runsStream } from "./routes/runs-stream.ts";
import { stopThread } from "./routes/stop.ts";
import { threadStream } from "./routes/thread-stream.ts";
import { webPage } from "./routes/web.ts";
import { ServerKindProbe } from "./server-kind.ts";
import type { Services } from "./services.ts";
import { showAsOne } from "./stepwise/show-as-one.ts";
import { Stepwise } from "./stepwise/stepwise.ts";
import { HangUps } from "./stop/hang-ups.ts";
import { Readers } from "./stop/readers.ts";
import { Snapshots } from "./stop/snapshots.ts";
import { Stops } from "./stop/stops.ts";
import { Threads } from "./stop/threads.ts";

/** The proxy without a port of its own. */
export interface App {
  koa: Koa;
  /** For the HTTP server's `upgrade` event. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  /** It is to be closed: whose connection ends now has not hung up. Resolves when the stops under way have ended. */
  close(): Promise<void>;
}

export function createApp(settings: Settings, log: Logger): App {
  const upstream = { url: settings.upstreamUrl, apiKey: settings.upstreamKey };
  const threads = new Threads();
  const readers = new Readers();
  const server = new ServerKindProbe(upstream);
  const metrics = new Metrics();
  const snapshots = new Snapshots({ settings, upstream, metrics, log });
  const stops = new Stops({ threads, snapshots, server, metrics }, settings.messagesKey);
  const hangUps = new HangUps({ settings, upstream, log, threads, readers, stops });
  const stepwise = new Stepwise({ upstream, stops, server, log });
  const shared = { settings, upstream, log, metrics, threads, readers, snapshots, stops, hangUps, server };
  const services: Services = { ...shared, stepwise };
  const { passOn, upgrade } = createPassOn(upstream);
  const router = new Router();
  router.get("/-/healthy", healthy());
  router.get("/-/ready", ready(services));
  router.get("/-/metrics", showMetrics(services));
  router.post("/threads/:thread_id/stop", stopThread(services));
  router.post("/threads/:thread_id/runs/:run_id/cancel", cancelRun(services, passOn));
  router.post("/runs/cancel", cancelMany(services, passOn));
  router.get("/threads/:thread_id/stream", threadStream(services));
  router.get("/threads/:thread_id/runs/:run_id/stream", runsJoin(services));
  router.post("/threads/:thread_id/runs/stream", runsStream(services));
  router.post("/threads/:thread_id/runs", runsCreate(services, passOn));
  router.post("/threads/:thread_id/runs/wait", runsCreate(services, passOn));
  router.post("/threads/:thread_id/commands", commands(services, passOn));

  const koa = new Koa();
  koa.use(answerErrors(log));
  koa.use(async function admitRequest(ctx, next) {
    admit(ctx.req);
    await next();
  });
  koa.use(webPage());
  koa.use(router.routes());
  koa.use(holdDuringStops(services));
  koa.use(showAsOne(services));
  koa.use(async function passOnTheRest(ctx) {
    await passOn(ctx);
  });
  koa.on("error", (error) => log.warn({ err: error }, "connection failed"));
  return {
    koa,
    async upgrade(request, socket, head) {
      try {
        admit(request);
      } catch (error) {
        return refuseUpgrade(socket, asProxyError(error));
      }
      await upgrade(request, socket, head);
    },
    async close() {
      hangUps.close();
      stepwise.close();
      await threads.idle();
    },
  };
}
