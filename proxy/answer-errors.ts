import type { Context, Middleware } from "koa";
import type { Logger } from "pino";
import { ProxyError, UpstreamAnswer } from "./errors.ts";

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
      ctx.set("access-control-allow-origin", "*");
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
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !rebuilt.has(name)) ctx.set(name, value);
  }
  ctx.body = body;
}

/** Whatever was thrown, as an answer of the proxy's own. */
export function asProxyError(thrown: unknown): ProxyError {
  if (thrown instanceof ProxyError) return thrown;
  // The SDK wraps a refused connection; what it says behind this is our own sentence.
  if (thrown instanceof Error && thrown.name === "ConnectionError") {
    const message = thrown.message.replace(/^.*Original error: /, "");
    return new ProxyError(502, "upstream_unreachable", message, { cause: thrown });
  }
  return new ProxyError(500, "internal", "Something went wrong in the proxy; its log says what.", { cause: thrown });
}
