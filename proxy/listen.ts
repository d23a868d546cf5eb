import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { App } from "./app.ts";

/** How long an answer may take to be written, in milliseconds. */
const lastWords = 200;

/** The app on a port. */
export interface Listening {
  url: string;
  port: number;
  /** Takes no new connection; resolves when those there are have ended, or after `grace` milliseconds and the stops under way. */
  close(grace?: number): Promise<void>;
}

/** What goes on at this moment. */
interface Open {
  inHand: Set<ServerResponse>;
  /** WebSockets. */
  sockets: Iterable<Duplex>;
}

/** Throws what `listen` fails with; `EADDRINUSE` if the port is taken. */
export async function listen(app: App, host: string, port: number): Promise<Listening> {
  const server = createServer();
  const inHand = new Set<ServerResponse>();
  server.on("request", (_request, response) => {
    inHand.add(response);
    if (!server.listening) response.shouldKeepAlive = false;
    response.once("close", () => {
      inHand.delete(response);
      // It counts as idle a moment later.
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    });
  });
  server.on("request", app.koa.callback());
  // Streams last as long as their runs.
  server.requestTimeout = 0;
  // Longer than load balancers keep theirs, or they would send a request into a connection that is just being closed.
  server.keepAliveTimeout = 75_000;
  const sockets = new Set<Duplex>();
  server.on("upgrade", (request, socket, head) => {
    // The server counts them as connections, but doesn't close them.
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    app.upgrade(request, socket, head).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  const name = host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${name}:${bound}`,
    port: bound,
    close: (grace = 0) => close(app, server, { inHand, sockets }, grace),
  };
}

/** Streams end after `grace`; their clients go on with another replica. Every stop is carried out in any case. */
async function close(app: App, server: Server, { inHand, sockets }: Open, grace: number): Promise<void> {
  const closed = allEnded(server, inHand);
  server.closeIdleConnections();
  // Nobody may send a next request on a connection that is about to end.
  for (const response of inHand) response.shouldKeepAlive = false;
  app.retire();
  await Promise.race([closed, delay(grace, undefined, { ref: false })]);
  await app.idle();
  // What the stops answer is still on its way.
  await Promise.race([closed, delay(lastWords, undefined, { ref: false })]);
  app.close();
  server.closeAllConnections();
  for (const socket of sockets) socket.destroy();
  await closed;
  // Who has left in the meantime may have meant Stop.
  await app.idle();
  app.end();
}

/** Takes no new connection, and resolves when those there are have ended, and whoever answered on them has heard of it. */
async function allEnded(server: Server, inHand: Set<ServerResponse>): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  const isClosed = (response: ServerResponse) => new Promise<void>((done) => void response.once("close", () => done()));
  while (inHand.size > 0) await Promise.all([...inHand].map(isClosed));
}
