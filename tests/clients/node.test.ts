import { HumanMessage } from "@langchain/core/messages";
import { RemoteGraph } from "@langchain/langgraph/remote";
import { describe, expect, it } from "vitest";
import { conversation, type Flow, outline, send, useFlow } from "../helpers/flow.ts";
import { gate } from "../helpers/gate.ts";
import { plainSse } from "./plain-sse.ts";

const flow = useFlow();
const graph = "react";

/** A turn that a client has begun, and how its user stops it. */
interface Turn {
  runId: Promise<string>;
  stop(): Promise<unknown>;
  ended: Promise<unknown>;
}

type Begin = (flow: Flow, threadId: string, text: string) => Turn;

const cancel = ({ client }: Flow, threadId: string, runId: string) => client.runs.cancel(threadId, runId);

const remote: Begin = (flow, threadId, text) => {
  const leave = new AbortController();
  const remote = new RemoteGraph({ graphId: graph, url: flow.proxy.url });
  const runId = gate<string>();
  const read = async () => {
    const config = { configurable: { thread_id: threadId }, streamMode: "values" as const, signal: leave.signal };
    for await (const _part of await remote.stream({ messages: [new HumanMessage(text)] }, config)) {
      // It tells no run id; its user asks for the thread's runs.
      const [run] = await flow.client.runs.list(threadId, { status: "running" });
      if (run) runId.open(run.run_id);
    }
  };
  const ended = read().catch((error: Error) => {
    if (!leave.signal.aborted) throw error;
  });
  const stop = async () => {
    await cancel(flow, threadId, await runId.opened);
    leave.abort();
  };
  return { runId: runId.opened, ended, stop };
};

const clients: [string, Begin][] = [
  [
    "the SDK, cancel",
    (flow, threadId, text) => {
      const live = send(flow.client, threadId, text, { graph });
      return { ...live, stop: async () => await cancel(flow, threadId, await live.runId) };
    },
  ],
  [
    "the SDK, aborted with onDisconnect: cancel",
    (flow, threadId, text) => {
      const live = send(flow.client, threadId, text, { graph, onDisconnect: "cancel" });
      return { ...live, stop: async () => live.hangUp() };
    },
  ],
  ["RemoteGraph, cancel and abort", remote],
  ["plain SSE, POST /stop", plainSse(async (url, threadId) => void (await post(`${url}/threads/${threadId}/stop`)))],
  [
    "plain SSE, cancel",
    plainSse(async (url, threadId, runId) => {
      const answer = await post(`${url}/threads/${threadId}/runs/${runId}/cancel`);
      expect([answer.status, await answer.text()]).toEqual([202, ""]);
    }),
  ],
];

const post = (url: string) =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });

describe.concurrent.each(clients)("%s", (name, begin) => {
  it.each(["text", "tools"])("is stopped in its %s, in two turns, and twice quickly", async (place) => {
    const { thread_id: threadId } = await flow.client.threads.create();
    for (const nth of ["first", "second"]) {
      const text = `${nth} ${place}, ${name}`;
      const probe = text.replace(/\W+/g, "_");
      const call = { id: probe, name: "probe", args: [JSON.stringify({ name: probe })] };
      const story = { text: ["Once ", "upon ", "a ", "time."], holdAfter: 3 };
      const script = flow.model.script(text, place === "text" ? story : { calls: [call] });
      const turn = begin(flow, threadId, text);
      const runId = await turn.runId;
      if (place === "text") await (await script.call(0)).held.opened;
      if (place === "text") await streamed(threadId, runId, '"a "');
      else await flow.model.probe(probe).started.opened;
      await Promise.all([turn.stop(), turn.stop()]);
      await turn.ended;
      // A client that only hangs up is told nothing; its read waits.
      const cut = place === "text" ? "ai: Once upon a" : expect.stringContaining(`tool: [${probe}]`);
      expect(outline(await conversation(flow.client, threadId)).at(-1)).toEqual(cut);
    }
    const last = flow.model.script(`last ${place}, ${name}`, { text: ["Gladly."] });
    const turn = begin(flow, threadId, `last ${place}, ${name}`);
    await turn.ended;
    const messages = await conversation(flow.client, threadId);
    const cut = place === "text" ? ["ai"] : ["ai", "tool"];
    expect(messages.map(({ type }) => type)).toEqual(["human", ...cut, "human", ...cut, "human", "ai"]);
    expect(new Set(messages.map((message) => message.id)).size).toBe(messages.length);
    expect(last.calls).toHaveLength(1);
  });
});

/** Resolves when the server has streamed these words. */
async function streamed(threadId: string, runId: string, words: string): Promise<void> {
  const seen = new AbortController();
  const stream = flow.direct.runs.joinStream(threadId, runId, { lastEventId: "-1", signal: seen.signal });
  for await (const part of stream) if (JSON.stringify(part).includes(words)) break;
  seen.abort();
}
