import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createProxyServer } from "httpxy";
import { startProxy } from "../tests/helpers/proxy.ts";

/** A process that stands in front of a server, and tells its CPU time when it is asked: `fermata`, or the pass-through library alone. */
async function main([kind = "fermata", upstream = "", window = "120"]: string[]): Promise<void> {
  const port =
    kind === "fermata"
      ? (await startProxy(upstream, { REPLAY_WINDOW: window, LOG_LEVEL: "error" })).port
      : await passThrough(upstream);
  process.on("message", () => process.send?.({ cpu: process.cpuUsage() }));
  process.send?.({ port });
}

async function passThrough(target: string): Promise<number> {
  const proxy = createProxyServer({ target, agent: false });
  const server = createServer((request, response) => void proxy.web(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

await main(process.argv.slice(2));
