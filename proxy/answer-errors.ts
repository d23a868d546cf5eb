import type { Context, Middleware } from "koa";
import type { Logger } from "pino";
import { asProxyError, UpstreamAnswer } from "./errors.ts";

/** Headers of the server's that would be wrong for a body that is sent anew. */
const rebuilt = new Set(["connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"]);

/** Turns whatever a route throws into an answer: the server's own as it came, ours as JSON, a surprise as a bare 500. */
export function answerErrors(log: Logger): Middleware {
  return async function catchErrors(ctx, next) {
    try {
      await next();
    } catch (thrown) {
      if (ctx.res.headersSent) {
        log.error({ err: thrown, method: ctx.method, path: ctx.path }, "failed after the answer had begun");
        ctx.res.destroy();
        return;
      }
      ctx.respond = true;
      if (thrown instanceof UpstreamAnswer) return passBack(ctx, thrown);
      const error = asProxyError(thrown);
      if (error.status >= 500) log.error({ err: thrown, method: ctx.method, path: ctx.path }, error.message);
      ctx.status = error.status;
      ctx.body = error.toJSON();
      // The rest of a body that is too large is not read.
      if (error.status === 413) ctx.set("connection", "close");
    }
  };
}

/** Gives the caller the server's answer as it came. */
export function passBack(ctx: Context, { status, headers, body }: UpstreamAnswer): void {
  ctx.status = status;
  for (const [name, value] of headers) if (!rebuilt.has(name) && name !== "set-cookie") ctx.set(name, value);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) ctx.set("set-cookie", cookies);
  ctx.body = body;
  // Koa would name a type for text of which the server says nothing.
  if (!headers.has("content-type")) ctx.remove("content-type");
}
