import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ServerKindProbe } from "../../proxy/server-kind.ts";
import { startProxy } from "../helpers/proxy.ts";

const asked: string[] = [];
/** The status and the body of what the server answers; undefined: it takes its time. */
let answer: (request: IncomingMessage, body: string) => [status: number, body?: string] | undefined;
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  asked.push(`${request.method} ${request.url}`);
  const [status, text] = answer(request, body) ?? [];
  const type = request.url?.endsWith("/stream") ? "text/event-stream" : "application/json";
  if (status) response.writeHead(status, { "content-type": type }).end(text);
});
let url: string;

beforeEach(async () => {
  asked.length = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  vi.restoreAllMocks();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const js = '{"context":"js"}';
const alice = { authorization: "Bearer alice" };
const isAlice = ({ headers }: IncomingMessage) => headers.authorization === alice.authorization;

describe("what the server is", () => {
  it("is asked again of one that takes too long to say it, or fails", async () => {
    const probe = new ServerKindProbe({ url });
    const late = new AbortController();
    vi.spyOn(AbortSignal, "timeout").mockReturnValueOnce(late.signal);
    answer = () => undefined;
    const first = probe.kind();
    late.abort(new DOMException("too long", "TimeoutError"));
    expect(await first).toBeUndefined();
    answer = () => [503];
    expect(await probe.kind()).toBeUndefined();
    answer = () => [200, js];
    expect([await probe.kind(), await probe.kind()]).toEqual(["js", "js"]);
    expect(asked.length).toBeLessThanOrEqual(3);
  });

  it("is asked in the name of whoever comes, once of each who is not told, and of nobody after one who is", async () => {
    const probe = new ServerKindProbe({ url });
    answer = (request) => (isAlice(request) ? [200, js] : [403]);
    for (let nth = 0; nth < 3; nth += 1) expect(await probe.kind({ authorization: "Bearer bob" })).toBe("python");
    expect(asked).toHaveLength(1);
    expect([await probe.kind(alice), await probe.kind({ authorization: "Bearer bob" })]).toEqual(["js", "js"]);
    expect(asked).toHaveLength(2);
  });
});

describe("whether a JS server takes `tools`", () => {
  const withTools = (body: string) => body.includes('"tools"');
  const off = { toolEvents: false };

  it.each<[what: string, withTools: number, without: number, mode: string | undefined]>([
    ["there is no such assistant, whatever the mode", 404, 404, "tools"],
    ["an older server", 400, 404, undefined],
    ["a gateway that checks what it passes on", 422, 404, undefined],
    ["a gateway that wants to see something else", 422, 422, "tools"],
  ])("is asked by a run that can't come to be: %s", async (_what, refused, otherwise, mode) => {
    const probe = new ServerKindProbe({ url });
    answer = ({ url: path }, body) => (path === "/info" ? [200, js] : [withTools(body) ? refused : otherwise]);
    const modes = await Promise.all(Array.from({ length: 10 }, () => probe.toolMode(alice, off)));
    expect(new Set([...modes, await probe.toolMode({}, off)])).toEqual(new Set([mode]));
    expect(asked.length).toBeLessThanOrEqual(3);
  });

  it("is asked of the next caller, if the first is not let", async () => {
    const probe = new ServerKindProbe({ url });
    answer = (request, body) => {
      if (request.url === "/info") return [200, js];
      return isAlice(request) ? [withTools(body) ? 400 : 404] : [401];
    };
    expect([await probe.toolMode({}, off), await probe.toolMode(alice, off)]).toEqual(["tools", undefined]);
    expect(await probe.toolMode({}, off)).toBeUndefined();
  });

  it.each([
    ["is known before the first runs are created", "/runs/stream"],
    ["shows when the first are refused, if not before", "never"],
  ])("%s: not one of ten at once fails", async (_what, tried) => {
    answer = ({ method, url: path = "" }, body) => {
      if (path === "/info") return [200, js];
      if (method === "GET") return [200, "[]"];
      const isRefused = withTools(body) && (path !== "/runs/stream" || path === tried);
      return isRefused ? [422, '{"detail":"no such mode: tools"}'] : [path === "/runs/stream" ? 404 : 200, "{}"];
    };
    const proxy = await startProxy(url);
    const thread = "/threads/00000000-0000-4000-8000-000000000001";
    const post = async (path: string) => {
      const body = '{"assistant_id":"a","input":{}}';
      const headers = { "content-type": "application/json" };
      return (await fetch(`${proxy.url}${thread}/${path}`, { method: "POST", headers, body })).status;
    };
    const paths = Array.from({ length: 10 }, (_, nth) => (nth % 2 ? "runs" : "runs/stream"));
    expect(new Set(await Promise.all(paths.map(post)))).toEqual(new Set([200]));
    const before = asked.length;
    expect([await post("runs"), asked.slice(before).filter((one) => one.startsWith("POST"))]).toEqual([
      200,
      [`POST ${thread}/runs`],
    ]);
    await proxy.close();
  });
});
