import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** What a run of the emitter streams; its client sends this as the run's input. */
export interface Emission {
  parts: number;
  /** Of each part's payload. */
  bytes: number;
  /** Parts a second; as fast as they are taken, if it is not given. */
  perSecond?: number;
}

/**
 * A process that streams server-sent events as a LangGraph server does, faster
 * than any real one: what is measured is what stands in front of it. Each part
 * carries the time at which it was sent.
 */
async function main(): Promise<void> {
  const server = createServer(async (request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    if (path.endsWith("/runs/stream")) return await emit(response, (JSON.parse(body) as { input: Emission }).input);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(path === "/info" ? '{"version":"0","langgraph_py_version":"0"}' : "[]");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.send?.({ port: (server.address() as AddressInfo).port });
}

let runs = 0;

async function emit(response: ServerResponse, { parts, bytes, perSecond }: Emission): Promise<void> {
  const runId = `00000000-0000-4000-8000-${String(++runs).padStart(12, "0")}`;
  response.writeHead(200, { "content-type": "text/event-stream", "content-location": `/threads/t/runs/${runId}` });
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const filling = "x".repeat(bytes);
  const began = Date.now();
  for (let n = 0; n < parts && !response.destroyed; n++) {
    if (perSecond) await delay(began + (n * 1000) / perSecond - Date.now());
    const sentAt = performance.timeOrigin + performance.now();
    const data = `[{"type":"AIMessageChunk","content":"${filling}"},{"sent_at":${sentAt}}]`;
    const goesOn = response.write(`id: ${began + n}-0\r\nevent: messages\r\ndata: ${data}\r\n\r\n`);
    if (!goesOn) await once(response, "drain", { signal: gone.signal });
  }
  response.end();
}

await main();
