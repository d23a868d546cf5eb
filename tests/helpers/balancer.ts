import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { passTo } from "./pass-to.ts";

/** Stands before some replicas, as a load balancer does. */
export interface Balancer {
  url: string;
  /** Gives new requests to these alone; those under way stay where they are. */
  serve(urls: string[]): void;
  close(): Promise<void>;
}

/** Each request goes to the next replica in turn; where one refuses the connection, to the one after it. */
export async function startBalancer(urls: string[]): Promise<Balancer> {
  let replicas = urls;
  let turn = 0;
  const server = createServer((request, response) => {
    const first = turn++ % replicas.length;
    const inTurn = [...replicas.slice(first), ...replicas.slice(0, first)];
    const give = () => {
      const replica = inTurn.shift();
      if (!replica) return void response.writeHead(503).end();
      passTo(replica, request, response, { onRefused: give });
    };
    give();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    serve(next) {
      replicas = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
