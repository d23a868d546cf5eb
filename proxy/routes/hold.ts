import type { Middleware } from "koa";
import { callerOf } from "../credentials.ts";
import type { Services } from "../services.ts";

/**
 * Holds what looks at a thread, or changes it, while a stop of it is under way,
 * so that a client that looks right after its Stop sees what was kept.
 * Streams of a thread's events are not held.
 */
export function holdDuringStops({ threads, readers }: Services): Middleware {
  return async function hold(ctx, next) {
    const [, threadId, rest = ""] = /^\/threads\/([0-9a-f-]{36})(\/.*)?$/i.exec(ctx.path) ?? [];
    const isHeld = !rest.endsWith("/stream") && !rest.startsWith("/stream");
    if (threadId && isHeld) await threads.quiet(threadId, callerOf(ctx.headers));
    if (threadId && showsThread(ctx.method, rest)) readers.read(threadId, ctx.res);
    await next();
  };
}

/** Whether the caller gets to see which checkpoints the thread has by now. */
function showsThread(method: string, rest: string): boolean {
  if (method === "GET") return rest === "" || /^\/(state|history)(\/|$)/.test(rest);
  return method === "POST" && ["/history", "/state/checkpoint"].includes(rest);
}
