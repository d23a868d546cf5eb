import type { Middleware } from "koa";
import type { Services } from "../services.ts";
import { callerHeaders, upstreamFetch } from "../upstream.ts";

/**
 * `GET /threads/:thread_id/runs/:run_id/join`: passed on. Whoever joins a run
 * of the JS server before its first event decides for all whether its stream
 * can be read again, and a join says no: so it is opened for replay before.
 */
export function runsAwait({ server, upstream }: Services): Middleware {
  return async function awaitRun(ctx, next) {
    if ((await server.kind()) === "js") {
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
