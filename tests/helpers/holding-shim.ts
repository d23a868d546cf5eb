import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Gate, gate } from "./gate.ts";
import { passTo } from "./pass-to.ts";

/** A request that stands at a gate. */
export interface Held {
  /** Opens when the request is there. */
  there: Gate;
  /** Opens when whoever sent it is gone. */
  abandoned: Gate;
}

/** Stands before a server and passes everything on, but what it is told to hold. */
export interface HoldingShim {
  url: string;
  /** Holds, for good, the next request that matches: before it reaches the server, or only the server's answer to it. */
  hold(what: "request" | "answer", method: string, path: string): Held;
  close(): Promise<void>;
}

interface Order extends Held {
  what: "request" | "answer";
  method: string;
  path: string;
}

export async function startHoldingShim(upstream: string): Promise<HoldingShim> {
  const orders = new Set<Order>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", upstream);
    const order = [...orders].find(({ method, path }) => request.method === method && pathname === path);
    if (order) orders.delete(order);
    response.once("close", () => order?.abandoned.open());
    if (order?.what === "request") order.there.open();
    else passTo(upstream, request, response, order && { onAnswer: () => order.there.open() });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold(what, method, path) {
      const order: Order = { what, method, path, there: gate(), abandoned: gate() };
      orders.add(order);
      return order;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
