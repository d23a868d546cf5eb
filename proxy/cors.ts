import type { ServerResponse } from "node:http";
import type { Context, Middleware } from "koa";
import type { Settings } from "./env.ts";
import { ProxyError } from "./errors.ts";
import { type Upstream, upstreamFetch } from "./upstream.ts";

/** What pages of other origins need to read of an answer: the SDK takes ids, pages and where to rejoin from it. */
const exposed = ["content-location", "location", "x-pagination-total", "x-pagination-next"];

const allowOrigin = "access-control-allow-origin";
const exposeHeaders = "access-control-expose-headers";
const askPrivateNetwork = "access-control-request-private-network";
const allowPrivateNetwork = "access-control-allow-private-network";

/** How long the server may take to say whom it lets read, in milliseconds. */
const patience = 2000;

/**
 * Lets pages of other origins use the proxy as they could use the server:
 * it answers their preflights, and what the proxy answers itself is as open as
 * the server's own answers. With `CORS_ORIGINS` the proxy decides, whatever
 * the server says.
 *
 * A preflight that asks for a private network (Studio's, for a proxy on this
 * machine) is about the proxy's address, so the server doesn't hear of that.
 */
export function cors({ corsOrigins }: Pick<Settings, "corsOrigins">, upstream: Upstream): Middleware {
  return async function shareAcrossOrigins(ctx, next) {
    const isPreflight = ctx.method === "OPTIONS" && ctx.get("origin") && ctx.get("access-control-request-method");
    const asksPrivateNetwork = isPreflight && ctx.get(askPrivateNetwork) === "true";
    delete ctx.req.headers[askPrivateNetwork];
    beforeHead(ctx.res, () => {
      if (corsOrigins) decide(ctx, corsOrigins);
      if (!ctx.res.hasHeader(allowOrigin)) return;
      ctx.res.setHeader(exposeHeaders, union(ctx.res.getHeader(exposeHeaders), exposed));
      if (asksPrivateNetwork) ctx.res.setHeader(allowPrivateNetwork, "true");
    });
    if (isPreflight && corsOrigins) return answerPreflight(ctx);
    await next();
    const isOwn = ctx.respond !== false && !ctx.headerSent && !ctx.res.hasHeader(allowOrigin);
    if (isOwn && !corsOrigins && ctx.get("origin")) ctx.set(await sharedByServer(ctx, upstream));
  };
}

/** Calls back just before the head of the answer goes out, whoever sends it. */
function beforeHead(response: ServerResponse, change: () => void): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = (...args: unknown[]) => {
    change();
    return writeHead(...args);
  };
}

/** The origin may read the answer if it is listed; credentials go along unless all are. */
function decide(ctx: Context, origins: string[]): void {
  const all = origins.includes("*");
  for (const name of [allowOrigin, "access-control-allow-credentials"]) ctx.res.removeHeader(name);
  if (!all) ctx.vary("Origin");
  if (all) ctx.res.setHeader(allowOrigin, "*");
  else if (origins.includes(ctx.get("origin"))) {
    ctx.res.setHeader(allowOrigin, ctx.get("origin"));
    ctx.res.setHeader("access-control-allow-credentials", "true");
  }
}

function answerPreflight(ctx: Context): void {
  ctx.set("access-control-allow-methods", "GET, HEAD, PUT, POST, DELETE, PATCH, OPTIONS");
  const asked = ctx.get("access-control-request-headers");
  if (asked) ctx.set("access-control-allow-headers", asked);
  ctx.set("access-control-max-age", "600");
  ctx.status = 204;
}

/** What the server lets this origin read. Where it can't be asked, the page is told of the failure. */
async function sharedByServer(ctx: Context, { url }: Upstream): Promise<Record<string, string>> {
  try {
    const signal = AbortSignal.timeout(patience);
    const answer = await upstreamFetch(`${url}/info`, { headers: { origin: ctx.get("origin") }, signal });
    await answer.body?.cancel();
    return Object.fromEntries([...answer.headers].filter(([name]) => /^(access-control-.*|vary)$/.test(name)));
  } catch (error) {
    if (!(error instanceof ProxyError) && (error as Error).name !== "TimeoutError") throw error;
    return ctx.status >= 500 ? { [allowOrigin]: "*" } : {};
  }
}

function union(listed: number | string | string[] | undefined, wanted: string[]): string {
  const names = String(listed ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  const missing = wanted.filter((name) => !names.some((there) => there === "*" || there.toLowerCase() === name));
  return [...names, ...missing].join(", ");
}
