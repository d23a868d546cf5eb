import type { Middleware } from "koa";
import type { Services } from "../services.ts";
import { uuid } from "./ids.ts";

/** `POST /threads/:thread_id/stream/events`, the v2 protocol's event stream: passed on. Whoever reads a thread looks after its long runs. */
export function threadEvents({ snapshots }: Services): Middleware {
  return async function readThreadEvents(ctx, next) {
    const { thread_id: threadId = "" } = ctx.params as { thread_id?: string };
    if (uuid.test(threadId)) void snapshots.watchThread(ctx.headers, threadId);
    await next();
  };
}
