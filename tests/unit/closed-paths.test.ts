import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { type FakeUpstream, startFakeUpstream } from "../helpers/fake-upstream.ts";
import { startProxy } from "../helpers/proxy.ts";
import { rawRequest } from "../helpers/raw-request.ts";

let upstream: FakeUpstream;
let proxy: Listening;

beforeAll(async () => {
  upstream = await startFakeUpstream();
  proxy = await startProxy(upstream.url);
});

afterEach(() => {
  upstream.requests.length = 0;
});

afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

describe("what is the deployment's own", () => {
  const spellings = [
    "/internal",
    "/internal/",
    "/internal/workers?x=1",
    "/deploy",
    "/deploy/x",
    "//internal/x",
    "/./internal/x",
    "/threads/../internal/x",
    "/internal/../threads",
    "/../deploy",
    "/%69nternal/x",
    "/%2569nternal/x",
    "/%2Finternal/x",
    "/%2e%2e/internal",
    "/x%2f..%2finternal",
    "/\\internal",
    "/INTERNAL/x",
    "/Deploy",
    "/internal./x",
    "/internal../x",
    "/internal%20/x",
    "/internal%00/x",
    "/internal;v=1/x",
    "/internal%3fx",
    "/threads/%3F/../../internal",
    "/x/../internal/%3F/../y",
    "/x/..;/internal",
    "http://elsewhere/internal/x",
  ];
  it.each(spellings)("%s is 404 and reaches nobody", async (path) => {
    for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
      const answer = await rawRequest(proxy.url, { method, path });
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.body)).toEqual({
        error: "not_found",
        message: "This path is not open through the proxy.",
      });
    }
    expect(upstream.requests).toEqual([]);
  });

  it("is closed to a WebSocket, too", async () => {
    const headers = [
      ["connection", "Upgrade"],
      ["upgrade", "websocket"],
    ] as [string, string][];
    expect((await rawRequest(proxy.url, { path: "/%69nternal/x", headers })).status).toBe(404);
    expect(upstream.requests).toEqual([]);
  });

  it("is closed to a WebSocket that is gone before it has read so, and nothing comes of that", async () => {
    const failed: unknown[] = [];
    const onFailure = (error: unknown) => void failed.push(error);
    process.prependListener("uncaughtException", onFailure);
    const socket = connect({ port: proxy.port, allowHalfOpen: true });
    socket.write("GET /internal HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    await once(socket, "data");
    socket.resetAndDestroy();
    await delay(50);
    process.removeListener("uncaughtException", onFailure);
    expect(failed).toEqual([]);
  });

  it("is closed to a WebSocket that doesn't go, and its connection with it", async () => {
    const socket = connect({ port: proxy.port, allowHalfOpen: true });
    socket.write("GET /internal HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    await once(socket.resume(), "end");
    // What is written to a connection that is closed is refused, from the second time on.
    socket.write("x");
    await delay(50);
    socket.write("x");
    expect(await Promise.race([once(socket, "error"), delay(500)])).toMatchObject([
      { code: expect.stringMatching(/^(EPIPE|ECONNRESET)$/) },
    ]);
  });

  it.each(["/internally", "/deployments", "/threads/internal", "/store/items?namespace=/internal", "/%zz/internal%"])(
    "%s is something else, and passed on as it is written",
    async (path) => {
      expect((await rawRequest(proxy.url, { path })).status).toBe(200);
      expect(upstream.requests.map(({ url }) => url)).toEqual([path]);
    },
  );
});

it.each(["%zz", "%00", "%2e%2e%2findex.html", "a".repeat(300)])(
  "a file of the page's that can't be, %s, is 404",
  async (name) => {
    expect((await rawRequest(proxy.url, { path: `/-/web/${name}` })).status).toBe(404);
  },
);

describe("an id that is no canonical UUID", () => {
  const id = randomUUID();
  const others = ["nonsense", `urn:uuid:${id}`, `{${id}}`, id.replaceAll("-", ""), `${id}0`, `%20${id}`];
  const routes: [method: string, path: string, field: string][] = others.flatMap((other) => [
    ["POST", `/threads/${other}/stop`, "thread_id"],
    ["POST", `/threads/${other}/runs/stream`, "thread_id"],
    ["POST", `/threads/${other}/runs/wait`, "thread_id"],
    ["POST", `/threads/${other}/runs`, "thread_id"],
    ["GET", `/threads/${other}/runs/${id}/stream`, "thread_id"],
    ["GET", `/threads/${id}/runs/${other}/stream`, "run_id"],
    ["POST", `/threads/${other}/runs/${id}/cancel`, "thread_id"],
    ["POST", `/threads/${id}/runs/${other}/cancel`, "run_id"],
    ["POST", `/threads/${id}/runs/${other}/cancel?action=nonsense`, "run_id"],
  ]);

  it.each(routes)("%s %s is 400, names %s and reaches nobody", async (method, path, field) => {
    const answer = await rawRequest(proxy.url, { method, path });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toEqual({ error: "bad_request", message: `${field} must be a UUID.`, field });
    expect(upstream.requests).toEqual([]);
  });

  it.each([`/threads/..%2f..%2fx/stop`, `/threads/${id}%2Fruns/${id}/stream`, `/runs%5C${id}/stream`])(
    "is one with a slash, escaped: %s is 400 and reaches nobody",
    async (path) => {
      expect((await rawRequest(proxy.url, { path })).status).toBe(400);
      expect(upstream.requests).toEqual([]);
    },
  );

  it.each([
    ["version 6", "1f0c8a3e-5b7d-6e10-8a54-2f6d3c1b0a99"],
    ["version 7", "019a9d3c-27f4-7cc2-b3a1-6f5e4d3c2b1a"],
    ["a seed's", "11111111-1111-1111-1111-111111111111"],
    ["in upper case", id.toUpperCase()],
  ])("is not one of %s", async (_, path) => {
    const answer = await rawRequest(proxy.url, { method: "POST", path: `/threads/${path}/stop` });
    expect(answer.status).toBe(200);
    expect(upstream.requests[0]?.url).toBe(`/threads/${path}`);
  });

  it.each(["GET", "DELETE"])("is the server's to answer where the proxy has no business: %s", async (method) => {
    const path = "/threads/nonsense/runs/%7Bno%7D";
    expect((await rawRequest(proxy.url, { method, path })).status).toBe(200);
    expect(upstream.requests.map(({ url }) => url)).toEqual([path]);
  });
});
