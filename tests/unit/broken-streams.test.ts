import { EventEmitter } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { pipingFetch } from "../../proxy/sse/pipe.ts";
import { startProxy } from "../helpers/proxy.ts";

const thread = "/threads/00000000-0000-4000-8000-000000000001";
const runId = "00000000-0000-4000-8000-000000000002";
const run = `${thread}/runs/${runId}`;

/** As Python's in-memory server gives ids: several frames of one millisecond share theirs. */
const ids = ["1-0", "2-0", "2-0", "2-0", "3-0", "4-0", "4-0"];
const frames = ids.map((id, n) => `event: values\r\ndata: {"n":${n}}\r\nid: ${id}\r\n\r\n`);

const broken = new Set<unknown>();

/** Its first answer to each reader breaks off, or just ends, after so many bytes; then it goes on after the id that it is told. */
async function answer({ url = "", headers }: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!/\/stream/.test(url)) {
    response.writeHead(200, { "content-type": "application/json" });
    return void response.end(/\/runs(\?|$)/.test(url) ? "[]" : `{"run_id":"${runId}","status":"running"}`);
  }
  response.writeHead(200, { "content-type": "text/event-stream", "content-location": run });
  const after = String(headers["last-event-id"] ?? "");
  const rest = frames.filter((_, n) => (ids[n] as string) > after).join("");
  if (broken.has(headers["x-reader"])) return void response.end(`${rest}event: end\r\ndata: null\r\n\r\n`);
  broken.add(headers["x-reader"]);
  const [how, bytes] = String(headers["x-reader"]).split(" ");
  await new Promise<void>((sent) => response.write(`: \r\n\r\n${rest.slice(0, Number(bytes))}`, () => sent()));
  if (how === "ends") response.end();
  else response.destroy();
}

const server = createServer((request, response) => void answer(request.resume(), response));
let upstream: string;
let proxy: Listening;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  proxy = await startProxy(upstream);
});
afterAll(async () => {
  await proxy.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Which frames arrive. */
async function read(reader: string, method: string, path: string, lastEventId?: string): Promise<number[]> {
  const headers = { "content-type": "application/json", "x-reader": reader };
  const answered = await fetch(proxy.url + path, {
    method,
    headers: lastEventId ? { ...headers, "last-event-id": lastEventId } : headers,
    body: method === "POST" ? '{"assistant_id":"a","input":{},"stream_mode":["values"]}' : undefined,
  });
  return [...(await answered.text()).matchAll(/"n":(\d+)/g)].map(([, n]) => Number(n));
}

const all = ids.map((_, n) => n);
/** After each frame, and within the one behind it. */
const places = [0, ...frames.map((_, n) => frames.slice(0, n + 1).join("").length)].flatMap((end) => [end, end + 20]);

describe.concurrent.each(["breaks", "ends"])("a stream that %s before its run does", { timeout: 20_000 }, (how) => {
  it.each([
    ["a new run", "POST", `${thread}/runs/stream`, undefined, all],
    ["a join from the start", "GET", `${run}/stream`, "-1", all],
    ["a join after an event", "GET", `${run}/stream`, "1-0", all.slice(1)],
  ])("is taken up again, no frame twice and none left out: %s", async (what, method, path, lastEventId, expected) => {
    const arrived = places.map((bytes) => read(`${how} ${bytes} ${what}`, method, path, lastEventId));
    expect(await Promise.all(arrived)).toEqual(places.map(() => expected));
  });
});

it("so is a thread's stream that breaks", { timeout: 20_000 }, async () => {
  const arrived = places.map((bytes) => read(`breaks ${bytes} thread`, "GET", `${thread}/stream`, "-1"));
  expect(await Promise.all(arrived)).toEqual(places.map(() => all));
});

it("while a slow reader is waited for, the SDK hears that the stream is not dead", async () => {
  const slow = Object.assign(new EventEmitter(), {
    write: () => false,
    appendHeader: () => {},
    flushHeaders: () => {},
  });
  const response = slow as unknown as ServerResponse;
  const { signal } = new AbortController();
  const { fetch } = pipingFetch({ response, keep: () => true, resumeAt: () => undefined, signal });
  const { body } = await fetch(`${upstream}${run}/stream`, { headers: { "x-reader": "breaks 1000" } });
  const thin = body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let nth = 0; nth < 2; nth += 1) expect((await thin?.read())?.value).toBe("\n");
  slow.emit("drain");
  expect((await thin?.read())?.value).toContain("event: frames");
});

it("a stream that was given up for dead, and was not, gives the client nothing twice", async () => {
  const sent: string[] = [];
  const response = Object.assign(new EventEmitter(), {
    write: (bytes: Buffer) => sent.push(bytes.toString()),
    appendHeader: () => {},
    flushHeaders: () => {},
  }) as unknown as ServerResponse;
  const opened: ServerResponse[] = [];
  const paused = createServer((_request, answer) => {
    answer.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    opened.push(answer);
  });
  await new Promise<void>((resolve) => paused.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => paused.closeAllConnections());
  const url = `http://127.0.0.1:${(paused.address() as AddressInfo).port}${run}/stream`;
  const { signal } = new AbortController();
  const { fetch } = pipingFetch({ response, keep: () => true, resumeAt: () => undefined, signal });
  const open = async () => (await fetch(url, { headers: { "last-event-id": "-1" } })).body?.getReader();
  const before = await open();
  opened[0]?.write(frames[0]);
  await before?.read();
  // By now the next part is waited for.
  await delay(50);
  // The SDK doesn't wait for this: nothing comes of it as long as nothing comes from the server.
  void before?.cancel();
  const now = await open();
  opened[0]?.end(frames.slice(1).join(""));
  await delay(100);
  opened[1]?.end(frames.join(""));
  while (!(await now?.read())?.done);
  expect(sent.join("")).toBe(frames.join(""));
});
