import type { Middleware } from "koa";
import type { Services } from "../services.ts";
import { asCaller, callerHeaders, clientFor, upstreamFetch } from "../upstream.ts";
import { requireId } from "./ids.ts";

/**
 * `GET /threads/:thread_id/runs/:run_id/join`: passed on, to who may read the run.
 *
 * Whoever joins a run of the JS server before its first event decides for all
 * whether its stream can be read again, and a join says no: so it is opened
 * for replay before.
 */
export function runsAwait({ server, upstream }: Services): Middleware {
  return async function awaitRun(ctx, next) {
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const runId = requireId("run_id", ctx.params.run_id);
    // A server may take a thread of the caller's own for a right to any run.
    await asCaller(clientFor(ctx.headers, upstream).runs.get(threadId, runId));
    if ((await server.kind(ctx.headers)) === "js") {
      const seen = new AbortController();
      await upstreamFetch(upstream.url + ctx.path.replace(/join$/, "stream"), {
        headers: { ...callerHeaders(ctx.headers, upstream), "last-event-id": "-1" },
        signal: seen.signal,
      });
      seen.abort();
    }
    await next();
  };
}
