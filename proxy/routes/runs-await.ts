import type { Middleware } from "koa";
import type { Services } from "../services.ts";
import { Reading } from "../stop/reading.ts";
import { asCaller, callerHeaders, clientFor, upstreamFetch } from "../upstream.ts";
import { requireId } from "./ids.ts";
import { leaving } from "./leaving.ts";

/**
 * `GET /threads/:thread_id/runs/:run_id/join`: passed on, to who may read the run.
 *
 * Whoever joins a run of the JS server before its first event decides for all
 * whether its stream can be read again, and a join says no: so it is opened
 * for replay before. With `cancel_on_disconnect` (Python's), leaving is Stop.
 */
export function runsAwait(services: Services): Middleware {
  const { server, upstream } = services;
  return async function awaitRun(ctx, next) {
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const runId = requireId("run_id", ctx.params.run_id);
    // A server may take a thread of the caller's own for a right to any run.
    await asCaller(clientFor(ctx.headers, upstream).runs.get(threadId, runId));
    const isJs = (await server.kind(ctx.headers)) === "js";
    if (isJs) {
      const seen = new AbortController();
      await upstreamFetch(upstream.url + ctx.path.replace(/join$/, "stream"), {
        headers: { ...callerHeaders(ctx.headers, upstream), "last-event-id": "-1" },
        signal: seen.signal,
      });
      seen.abort();
    }
    const { onDisconnect, query } = leaving(ctx);
    if (!onDisconnect || isJs) return await next();
    ctx.querystring = query;
    const reading = new Reading(services, ctx, threadId, onDisconnect);
    reading.begin(runId);
    try {
      await next();
    } finally {
      reading.end();
    }
  };
}
