import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, inject, it } from "vitest";
import { useFlow } from "../helpers/flow.ts";
import { madeEven } from "./differences.ts";
import type { Exchange } from "./exchange.ts";
import { normaliser } from "./normal.ts";
import { type Raw, raw } from "./raw.ts";

const flow = useFlow();
const langgraphUrl = inject("langgraphUrl");

const json = { "content-type": "application/json" };
/** Stands for a thread of this side's own. */
const id = ":id";
const post = (path: string, body: string | Buffer, headers: Record<string, string> = json): Raw => ({
  method: "POST",
  path,
  headers,
  body,
});

/** What no client method shows: other methods, other paths, bodies that make no sense. */
const requests: Raw[] = [
  { path: "/" },
  { path: "/ok" },
  { path: "/ok?check_db=1" },
  { path: "/info", headers: { origin: "https://app.example.com" } },
  { path: "/docs" },
  { path: "/openapi.json" },
  { path: "/openapi.json", headers: { "accept-encoding": "gzip, br" } },
  { path: "/mcp" },
  post("/mcp", '{"jsonrpc":"2.0","id":1,"method":"tools/list"}', { ...json, accept: "application/json" }),
  { path: "/.well-known/agent-card.json" },
  { path: `/a2a/${id}/.well-known/agent-card.json` },
  post(`/a2a/${id}`, '{"jsonrpc":"2.0","id":1,"method":"message/send","params":{}}'),
  { method: "HEAD", path: "/ok" },
  { method: "HEAD", path: `/threads/${id}` },
  { method: "HEAD", path: `/threads/${id}/stream` },
  { method: "OPTIONS", path: "/threads" },
  { method: "OPTIONS", path: `/threads/${id}/runs/stream` },
  { method: "PUT", path: "/threads/search" },
  { method: "PATCH", path: `/threads/${id}/runs/stream` },
  { method: "DELETE", path: `/threads/${id}/commands` },
  { path: `/threads/${id}/runs/wait` },
  { path: "/no/such/route" },
  { path: "/threads/nonsense" },
  { path: "/threads/nonsense/state?subgraphs=perhaps" },
  { path: "/ok/" },
  { path: `/Threads/${id}` },
  post("/threads/", "{}"),
  post(`/threads/${id}/runs/stream/`, "{}"),
  post(`/Threads/${id}/Runs/Stream`, "{}"),
  post("/threads", ""),
  post("/threads", "{nonsense"),
  post("/threads", '{"metadata":5}'),
  post("/threads", gzipSync("{}"), { ...json, "content-encoding": "gzip" }),
  post("/threads/search", "[]"),
  post("/threads/search", '{"limit":"many"}'),
  post("/threads/search", '{"limit":0}', { "content-type": "text/plain" }),
  ...["runs", "runs/stream", "runs/wait", "commands"].flatMap((path) => [
    post(`/threads/${id}/${path}`, ""),
    post(`/threads/${id}/${path}`, "{nonsense"),
    post(`/threads/${id}/${path}`, '{"assistant_id":5}'),
    post(`/threads/${id}/${path}`, '{"assistant_id":"react","input":{},"stream_mode":"sideways"}'),
    post(`/threads/${id}/${path}`, '{"assistant_id":"react","input":{}}', {}),
    post(`/threads/${id}/${path}`, '{"assistant_id":"react","input":{}}', { "content-type": "text/plain" }),
  ]),
  post(`/threads/${id}/stream/events`, '{"channels":5}'),
  post("/runs/stream", "{nonsense"),
  post("/runs/batch", "{}"),
  post("/runs/crons", "{}"),
  post("/runs/cancel", "{}"),
  post("/store/items", "{}"),
  { method: "PUT", path: "/store/items", headers: json, body: '{"namespace":[],"key":"a","value":{}}' },
  { path: "/store/items?namespace=a" },
  { path: "/ui/react/entrypoint.js" },
];

const even = (exchange: Exchange) => normaliser([flow.proxy.url, langgraphUrl])(madeEven([exchange]));

describe.concurrent("a request is answered as the server answers it", () => {
  it.each(requests.map((request) => [label(request), request] as const))("%s", async (_, request) => {
    flow.model.improvise = () => ({ text: ["Hello."] });
    const own = () => ({ ...request, path: request.path.replaceAll(id, randomUUID()) });
    const [direct, through] = await Promise.all([raw(langgraphUrl, own()), raw(flow.proxy.url, own())]);
    expect(even(through)).toEqual(even(direct));
  });
});

function label({ method = "GET", path, headers, body }: Raw): string {
  return [method, path, headers?.["content-type"] ?? "", body?.toString("latin1") ?? ""].join(" ");
}

it("a large body goes up and comes back whole", async () => {
  const words = "🐉 and more ".repeat(700_000);
  for (const base of [langgraphUrl, flow.proxy.url]) {
    const item = { namespace: [randomUUID()], key: "large", value: { words } };
    const put = await raw(base, { method: "PUT", path: "/store/items", headers: json, body: JSON.stringify(item) });
    expect(put.status).toBe(204);
    const got = await raw(base, { path: `/store/items?namespace=${item.namespace[0]}&key=large` });
    expect(JSON.parse(Buffer.from(got.body, "latin1").toString()).value.words).toBe(words);
  }
});
