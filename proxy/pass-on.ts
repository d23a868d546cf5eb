import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Readable } from "node:stream";
import { createProxyServer } from "httpxy";
import type { Context } from "koa";
import { upstreamHeaders } from "./credentials.ts";
import { type Upstream, unreachable } from "./upstream.ts";

export interface PassOnOptions {
  /** Sent instead of the caller's body. */
  body?: string;
  onHeaders?: (headers: IncomingHttpHeaders) => void;
}

/** Passes a request on as it is, and its answer back as it comes. Resolves to false when the caller left before the end. */
export type PassOn = (ctx: Context, options?: PassOnOptions) => Promise<boolean>;

/** Takes over what goes to and fro on a WebSocket, once it is open. */
export type Between = (client: Duplex, server: Socket) => Promise<void>;

/** Passes a WebSocket on: its bytes as they come, or through `between`. Resolves when the client's side has closed. */
export type PassUpgradeOn = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  between?: Between,
) => Promise<void>;

/** The reverse proxy for everything that isn't Fermata's own, WebSockets included. */
export function createPassOn(upstream: Upstream): { passOn: PassOn; upgrade: PassUpgradeOn } {
  const proxy = createProxyServer({
    target: upstream.url,
    changeOrigin: true,
    // A tool may run for longer than any sensible time-out.
    proxyTimeout: 0,
    // A connection that the server is just closing would turn a good request into a 502.
    agent: false,
  });
  const listeners = new WeakMap<IncomingMessage, (headers: IncomingHttpHeaders) => void>();
  proxy.on("proxyRes", ({ headers }, request, response) => {
    // Each connection has its own end; the client's stays open.
    headers.connection = response.shouldKeepAlive ? "keep-alive" : "close";
    delete headers["keep-alive"];
    if (headers.location) headers.location = fromBase(headers.location, upstream.url);
    listeners.get(request)?.(headers);
    // A stream has begun before its first event; the head is complete when this turn is over.
    if (headers["content-length"] === undefined) queueMicrotask(() => response.flushHeaders());
  });

  const passOn: PassOn = async (ctx, { body, onHeaders } = {}) => {
    const { req, res } = ctx;
    if (onHeaders) listeners.set(req, onHeaders);
    req.headers = upstreamHeaders(req.headers, upstream.apiKey);
    if (body !== undefined) {
      req.headers["content-length"] = String(Buffer.byteLength(body));
      delete req.headers["transfer-encoding"];
    }
    ctx.respond = false;
    // The caller may have left while it was held; nothing would close what is opened for it now.
    if (res.destroyed) return false;
    const ended = whenEnded(res);
    try {
      await proxy.web(req, res, body === undefined ? {} : { buffer: Readable.from([Buffer.from(body)]) });
    } catch (error) {
      if (res.headersSent || res.destroyed) {
        res.destroy();
        return false;
      }
      ctx.respond = true;
      throw unreachable(ctx.method, upstream.url + ctx.url, error);
    }
    return await ended;
  };

  const opened = new WeakMap<Socket, () => void>();
  const betweens = new WeakMap<IncomingMessage, Between>();
  proxy.on("proxyReqWs", (sent, request, socket) => {
    const between = betweens.get(request);
    if (!between) return;
    sent.once("upgrade", (_answer, server: Socket) =>
      opened.set(server, () => {
        // The library has just joined the two; not a byte has passed yet.
        server.unpipe(socket);
        socket.unpipe(server);
        between(socket, server).catch((error: unknown) => socket.destroy(error as Error));
      }),
    );
  });
  proxy.on("open", (server) => opened.get(server)?.());

  const upgrade: PassUpgradeOn = async (request, socket, head, between) => {
    request.headers = upstreamHeaders(request.headers, upstream.apiKey);
    if (between) {
      betweens.set(request, between);
      // What is compressed can't be looked into.
      delete request.headers["sec-websocket-extensions"];
    }
    await proxy.ws(
      request,
      socket as Parameters<typeof proxy.ws>[1],
      { target: upstream.url, changeOrigin: true },
      head,
    );
  };
  return { passOn, upgrade };
}

/** An address of the server's own as one below the client's base URL; any other as it is. */
function fromBase(location: string, upstreamUrl: string): string {
  const base = new URL(upstreamUrl);
  if (!/^(https?:)?\/\//i.test(location)) return location;
  const { host, pathname, search, hash } = new URL(location, base);
  const prefix = base.pathname.replace(/\/$/, "");
  if (host !== base.host || !`${pathname}/`.startsWith(`${prefix}/`)) return location;
  return (pathname.slice(prefix.length) || "/") + search + hash;
}

function whenEnded(response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    response.once("close", () => resolve(response.writableFinished));
  });
}
