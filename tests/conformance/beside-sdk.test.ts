import { randomUUID } from "node:crypto";
import type { Run } from "@langchain/langgraph-sdk";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { stop, useFlow } from "../helpers/flow.ts";
import { madeEven } from "./differences.ts";
import type { Exchange } from "./exchange.ts";
import { normaliser } from "./normal.ts";
import { raw } from "./raw.ts";

const flow = useFlow();
const langgraphUrl = inject("langgraphUrl");
const server = inject("server");
const sides = () => [langgraphUrl, flow.proxy.url];

const even = (exchanges: Exchange[]) => normaliser(sides())(madeEven(exchanges));

const headers = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  "user-agent": "a client",
  origin: "https://app.example.com",
};
const get = (base: string, path: string) => raw(base, { path, headers });
const post = (base: string, path: string, body: unknown) =>
  raw(base, { method: "POST", path, headers, body: JSON.stringify(body) });

beforeAll(() => {
  flow.model.improvise = () => ({ text: ["Hello ", "there."] });
});

const rpc = (method: string, params: unknown) => ({ jsonrpc: "2.0", id: 1, method, params });
const hello = { role: "user", parts: [{ kind: "text", text: "hello" }], messageId: "said" };
const messages = [{ role: "user", content: "hello" }];

async function assistant(): Promise<string> {
  const [found] = await flow.direct.assistants.search({ graphId: "react", metadata: { created_by: "system" } });
  return found?.assistant_id ?? "";
}

async function turn(): Promise<string> {
  const { thread_id: threadId } = await flow.direct.threads.create();
  await flow.direct.runs.wait(threadId, "react", { input: { messages } });
  return threadId;
}

/** A run without a thread, in the middle of its reply. */
async function held(base: string) {
  const prompt = randomUUID();
  const script = flow.model.script(prompt, { text: ["Once ", "upon ", "a time."], holdAfter: 2 });
  const input = { messages: [{ role: "user", content: prompt }] };
  const created = await post(base, "/runs", { assistant_id: "react", input, stream_resumable: true });
  const call = await script.call(0);
  await call.held.opened;
  const { run_id: runId, thread_id: threadId } = JSON.parse(created.body) as Run;
  return { call, runId, threadId };
}

/** What is asked of one side; `threadId` has a turn, and is the same on both. */
const conversations: Record<string, (base: string, threadId: string) => Promise<Exchange[]>> = {
  "an MCP client's beginning, and a call of a graph": async (base) => {
    const me = { protocolVersion: "2025-03-26", capabilities: {}, clientInfo: { name: "a client", version: "1" } };
    const begun = await post(base, "/mcp", rpc("initialize", me));
    const said = await post(base, "/mcp", { jsonrpc: "2.0", method: "notifications/initialized" });
    const tools = await post(base, "/mcp", rpc("tools/list", {}));
    const called = await post(base, "/mcp", rpc("tools/call", { name: "react", arguments: { messages } }));
    if (server === "python") expect(called.body).toContain("Hello there.");
    return [begun, said, tools, called];
  },
  "a message of another agent (A2A), and what became of it": async (base) => {
    const path = `/a2a/${await assistant()}`;
    const sent = await post(base, path, rpc("message/send", { message: hello }));
    if (server !== "python") return [sent];
    expect(sent.body).toContain("Hello there.");
    const { id, contextId } = JSON.parse(sent.body).result;
    return [sent, await post(base, path, rpc("tasks/get", { id, contextId }))];
  },
  "a message of another agent (A2A), streamed": async (base) => {
    const sent = await post(base, `/a2a/${await assistant()}`, rpc("message/stream", { message: hello }));
    if (server === "python") expect(sent.body).toContain("Hello there.");
    return [sent];
  },
  "a run without a thread, joined": async (base) => {
    const { call, runId } = await held(base);
    const joined = raw(base, { path: `/runs/${runId}/stream`, headers: { ...headers, "last-event-id": "-1" } });
    call.release();
    if (server === "js") expect((await joined).body).toContain("a time.");
    return [await joined];
  },
  "a run without a thread, cancelled": async (base) => {
    const { call, runId, threadId } = await held(base);
    const run = `/threads/${threadId}/runs/${runId}`;
    // Who waits there, on the Python server, may take the word to stop from who is to hear it.
    const cancelled = await post(base, `${run}/cancel${server === "js" ? "?wait=1" : ""}`, {});
    expect((await call.closed.opened).early).toBe(true);
    return [cancelled];
  },
  "a thread's history, by GET": async (base, threadId) => [
    await get(base, `/threads/${threadId}/history`),
    await get(base, `/threads/${threadId}/history?limit=1`),
  ],
  "how much a thread holds": async (base, threadId) => [await get(base, `/threads/${threadId}/storage`)],
};

describe.concurrent("through the proxy as without it", () => {
  it.each(Object.entries(conversations))("%s", async (_, talk) => {
    const threadId = await turn();
    const [direct = [], through = []] = await Promise.all(sides().map((base) => talk(base, threadId)));
    expect(even(through)).toEqual(even(direct));
  });
});

it("the Stop of a thread that was made for one run lets it go", async () => {
  const { call, runId, threadId } = await held(flow.proxy.url);
  const { status, body } = await stop(flow.proxy.url, threadId);
  expect([status, body.outcome, body.run_ids, body.kept]).toEqual([200, "stopped", [runId], []]);
  expect((await call.closed.opened).early).toBe(true);
});
