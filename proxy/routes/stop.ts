import type { Middleware } from "koa";
import { callerOf } from "../credentials.ts";
import { firstLookFetch, insistentFetch } from "../insist.ts";
import { readText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { stopThread } from "../stop/stop-thread.ts";
import { asCaller, clientFor } from "../upstream.ts";
import { requireId } from "./ids.ts";
import { parseWish } from "./stop-wish.ts";

/** The body of a stop, in bytes at most. */
const bodyLimit = 64 * 1024;

/**
 * `POST /threads/:thread_id/stop`: stops what runs on the thread, without a run
 * id. The answer comes when all is stored; to `when: "after-step"` that may
 * take as long as the step does.
 */
export function stopOnThread(services: Services): Middleware {
  return async function stop(ctx) {
    const arrivedAt = performance.now();
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const wish = parseWish(await readText(ctx.req, bodyLimit));
    const client = clientFor(ctx.headers, services.upstream, insistentFetch());
    const mayLook = () => clientFor(ctx.headers, services.upstream, firstLookFetch()).threads.get(threadId);
    const asker = { arrivedAt, caller: callerOf(ctx.headers), mayLook };
    ctx.body = await asCaller(stopThread(services, client, threadId, wish, asker));
  };
}
