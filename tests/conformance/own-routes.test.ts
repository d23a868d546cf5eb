import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
    { http: { app: `${toRoot}/tests/fixtures/http-app.ts:app` }, ui: { chat: "./ui.tsx" } },
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

it("a UI component comes through the proxy, its files too", async () => {
  const ask = { method: "POST", path: "/ui/chat", headers: { "content-type": "application/json" } };
  const body = JSON.stringify({ name: "greeting" });
  const fromBoth = async (request: Raw) =>
    madeEven(await Promise.all([server.url, proxy.url].map((base) => raw(base, request))));
  const [direct, through] = await fromBoth({ ...ask, body });
  // The JS server names its own address; the Python server leaves that to the page.
  expect(direct?.body).toContain(python ? '<script src="/ui/chat/' : `<script src="${server.url}/ui/chat/`);
  expect(through).toEqual({ ...direct, body: direct?.body.replaceAll(server.url, proxy.url) });
  const files = [...(through?.body.matchAll(/\/ui\/chat\/[^"]+\.(js|css)/g) ?? [])].map(([path]) => path);
  expect(files.some((path) => path.endsWith(".js"))).toBe(true);
  for (const path of files) {
    const [theirs, ours] = await fromBoth({ path });
    expect(theirs?.status).toBe(200);
    expect(ours).toEqual(theirs);
  }
});
