import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { type Server, startDevServer, startPythonServer, toRoot } from "../helpers/processes.ts";
import { startProxy } from "../helpers/proxy.ts";
import { madeEven } from "./differences.ts";
import { normaliser } from "./normal.ts";
import { type Raw, raw } from "./raw.ts";

const python = process.env.PYTHON_LANGGRAPH;
let server: Server;
let proxy: Listening;

/** A UI component has to lie below the server's directory. */
const startJs = (env: Record<string, string>) =>
  startDevServer(
    { react: "tests/fixtures/shapes/react.ts:graph" },
    env,
    { http: { app: `${toRoot}/tests/fixtures/http-app.ts:app` }, ui: { react: "./ui.tsx" } },
    1,
    ["ui.tsx"],
  );

beforeAll(async () => {
  const env = { OPENAI_BASE_URL: "http://127.0.0.1:1/v1" };
  server = python ? await startPythonServer(python, env, { http: { app: "./http_app.py:app" } }) : await startJs(env);
  proxy = await startProxy(server.url);
});
afterAll(async () => {
  await proxy?.close();
  await server?.close();
});

const boundary = "----parts";
const upload = Buffer.concat([
  Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a b.bin"\r\n`),
  Buffer.from("content-type: application/octet-stream\r\n\r\n"),
  Buffer.from([0, 255, 13, 10, 10, 0x80]),
  Buffer.from(`\r\n--${boundary}--\r\n`),
]);

const requests: Raw[] = [
  { path: "/custom/hello?who=%C3%B6%20%2F&who=me" },
  { path: "/custom/hello", headers: { origin: "https://app.example.com" } },
  { method: "HEAD", path: "/custom/hello" },
  { method: "PURGE", path: "/custom/hello" },
  { path: "/custom/cookies" },
  { path: "/custom/redirect" },
  { path: "/custom/stream" },
  { path: "/custom/none" },
  {
    method: "POST",
    path: "/custom/upload",
    headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    body: upload,
  },
];

describe("a deployment's own routes", () => {
  it.each(requests.map((request) => [`${request.method ?? "GET"} ${request.path}`, request] as const))(
    "%s",
    async (_, request) => {
      const [direct, through] = await Promise.all([raw(server.url, request), raw(proxy.url, request)]);
      expect(direct.status).not.toBe(request.path.endsWith("none") ? 200 : 404);
      const even = normaliser([server.url, proxy.url]);
      expect(even(madeEven([through]))).toEqual(even(madeEven([direct])));
    },
  );

  it("a redirect of theirs leads through the proxy", async () => {
    const { headers } = await raw(proxy.url, { path: "/custom/redirect" });
    expect(headers.location).toBe("/custom/hello?who=again");
  });
});

// The Python server has others build components, who are fetched from the network.
it.skipIf(inject("server") === "python")("a UI component comes through the proxy, its files too", async () => {
  const ask = { method: "POST", path: "/ui/react", headers: { "content-type": "application/json" } };
  const body = JSON.stringify({ name: "greeting" });
  const [direct, through] = await Promise.all([server.url, proxy.url].map((base) => raw(base, { ...ask, body })));
  expect(direct?.body).toContain(`<script src="${server.url}/ui/react/`);
  expect(through).toEqual({
    ...direct,
    body: direct?.body.replaceAll(server.url, proxy.url),
    headers: expect.anything(),
  });
  const [script = ""] = /\/ui\/react\/[^"]+\.js/.exec(through?.body ?? "") ?? [];
  const files = await Promise.all([server.url, proxy.url].map((base) => raw(base, { path: script })));
  expect(files[1]?.body.length).toBeGreaterThan(100);
  expect(files[1]?.body).toBe(files[0]?.body);
});
