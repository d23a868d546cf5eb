import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { App } from "./app.ts";

/** The app on a port. */
export interface Listening {
  url: string;
  port: number;
  /** Takes no new connection; resolves when those there are have ended, or after `grace` milliseconds. */
  close(grace?: number): Promise<void>;
}

/** Throws what `listen` fails with; `EADDRINUSE` if the port is taken. */
export async function listen(app: App, host: string, port: number): Promise<Listening> {
  const server = createServer(app.koa.callback());
  // Streams last as long as their runs.
  server.requestTimeout = 0;
  // Longer than load balancers keep theirs, or they would send a request into a connection that is just being closed.
  server.keepAliveTimeout = 75_000;
  server.on("upgrade", (request, socket, head) => {
    app.upgrade(request, socket, head).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  const name = host.includes(":") ? `[${host}]` : host;
  return { url: `http://${name}:${bound}`, port: bound, close: (grace = 0) => close(server, grace) };
}

function close(server: Server, grace: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), grace);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
