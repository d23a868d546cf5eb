import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** A server that notes what reaches it, and answers as little as it can. */
export interface FakeUpstream {
  url: string;
  /** The requests it got, upgrades included, in order. */
  requests: Pick<IncomingMessage, "method" | "url" | "headers" | "rawHeaders">[];
  close(): Promise<void>;
}

/** Every path answers 200 with `{}` (a list where the real one answers a list); an upgrade is refused with 426. */
export async function startFakeUpstream(): Promise<FakeUpstream> {
  const requests: FakeUpstream["requests"] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    request.resume();
    response.writeHead(200, { "content-type": "application/json" });
    response.end(request.method === "GET" && /\/runs(\?|$)/.test(request.url ?? "") ? "[]" : "{}");
  });
  server.on("upgrade", (request, socket) => {
    requests.push(request);
    socket.end("HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
