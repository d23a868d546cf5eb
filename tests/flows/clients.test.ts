import { setTimeout as later } from "node:timers/promises";
import { HumanMessage } from "@langchain/core/messages";
import { RemoteGraph } from "@langchain/langgraph/remote";
import type { Checkpoint } from "@langchain/langgraph-sdk";
import { describe, expect, it, vi } from "vitest";
import { textOf } from "../../proxy/core/message.ts";
import { patience } from "../helpers/cell.ts";
import { type Asked, conversation, outline, runStart, send, useFlow } from "../helpers/flow.ts";
import { gate } from "../helpers/gate.ts";

const flow = useFlow();

/** A turn that a client has begun. */
interface Begun {
  threadId: string;
  runId: Promise<string>;
  hangUp(): void;
  /** Its request is over. */
  ended: Promise<void>;
}

/** What a client knows of its thread, and sends along with a message. */
interface Known {
  checkpoint?: Checkpoint | null;
  /** Calls that have no answer on its page. */
  open: string[];
}

/** A client as it behaves on the wire. */
interface WireClient {
  name: string;
  send(threadId: string, text: string, known: Known): Begun;
  /** Its Stop, and what it reads then, if it does. */
  stop(turn: Begun): Promise<Known["checkpoint"]>;
}

const graph = "react";

/** Legacy `useStream` and what is built on it: `runs/stream`, with settings of each. */
const streaming =
  (asked: Asked, invent?: (callId: string) => object) => (threadId: string, text: string, known: Known) =>
    send(flow.client, threadId, text, {
      graph,
      ...asked,
      checkpoint: known.checkpoint,
      input: { messages: [...(invent ? known.open.map(invent) : []), { type: "human", content: text }] },
    });

const cancel = async ({ threadId, runId }: Begun) =>
  await fetch(`${flow.proxy.url}/threads/${threadId}/runs/${await runId}/cancel?wait=0&action=interrupt`, {
    method: "POST",
  });

const readsHead = async (threadId: string) =>
  (await flow.client.threads.getHistory(threadId, { limit: 10 }))[0]?.checkpoint;

let reads = 0;
/** Milliseconds after the Stop, at a client's own pace; another one each time. */
const pace = [1, 10, 20, 40, 70];

const remoteGraph: WireClient["send"] = (threadId, text) => {
  const runId = gate<string>();
  const leave = new AbortController();
  const remote = new RemoteGraph({ graphId: graph, url: flow.proxy.url });
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
  return { threadId, runId: runId.opened, ended, hangUp: () => leave.abort() };
};

const v2: WireClient["send"] = (threadId, text) => {
  const params = { assistant_id: graph, input: { messages: [{ type: "human", content: text }] } };
  const runId = runStart(flow.proxy.url, threadId, params);
  return { threadId, runId, ended: runId.then(() => undefined), hangUp: () => undefined };
};

const clients: WireClient[] = [
  {
    name: "agent-chat-ui: hangs up and says nothing, invents answers",
    send: streaming({ onDisconnect: "continue", streamResumable: true }, (callId) => ({
      type: "tool",
      id: `do-not-render-${callId}`,
      name: "probe",
      tool_call_id: callId,
      content: "Successfully handled tool call.",
    })),
    async stop(turn) {
      turn.hangUp();
      await turn.ended;
      return undefined;
    },
  },
  {
    name: "deep-agents-ui: hangs up and cancels, reads nothing",
    send: streaming({ onDisconnect: "continue", streamResumable: true }),
    async stop(turn) {
      turn.hangUp();
      await cancel(turn);
      return undefined;
    },
  },
  {
    name: "assistant-ui: hangs up with on_disconnect: cancel, invents answers",
    send: streaming({ onDisconnect: "cancel" }, (callId) => ({
      role: "tool",
      name: "probe",
      tool_call_id: callId,
      content: '{"cancelled":true}',
    })),
    async stop(turn) {
      turn.hangUp();
      await turn.ended;
      return undefined;
    },
  },
  {
    name: "legacy useStream: hangs up with on_disconnect: cancel, reads within 20 ms",
    send: streaming({ onDisconnect: "cancel" }),
    async stop(turn) {
      turn.hangUp();
      await later(20);
      return await readsHead(turn.threadId);
    },
  },
  {
    name: "useStream with reconnectOnMount: hangs up, cancels without waiting, reads 1 to 70 ms later",
    send: streaming({ onDisconnect: "continue", streamResumable: true }),
    async stop(turn) {
      turn.hangUp();
      const cancelled = cancel(turn);
      await later(pace[reads++ % pace.length] as number);
      const head = await readsHead(turn.threadId);
      await cancelled;
      return head;
    },
  },
  {
    name: "@langchain/react: cancels, whatever comes of it",
    send: v2,
    async stop(turn) {
      await cancel(turn);
      return undefined;
    },
  },
  {
    name: "RemoteGraph: cancels, and aborts",
    send: remoteGraph,
    async stop(turn) {
      await cancel(turn);
      turn.hangUp();
      await turn.ended;
      return undefined;
    },
  },
];

const slug = (text: string) => text.replace(/\W+/g, "_");

/** Begins a turn that stays in mid-text, or in its tools, one of which has finished; resolves when that is seen. */
async function begins(client: WireClient, threadId: string, text: string, place: "text" | "tools", known: Known) {
  const calls = ["done", "hanging"].map((name) => ({
    id: `${slug(text)}_${name}`,
    name: "probe",
    args: [JSON.stringify({ name: `${slug(text)}_${name}` })],
  }));
  const story = { text: ["Once ", "upon ", "a ", "time."], holdAfter: 3 };
  const script = flow.model.script(text, place === "text" ? story : { calls });
  flow.model.probe(`${slug(text)}_done`, "a result");
  const turn = client.send(threadId, text, known);
  const runId = await turn.runId;
  if (place === "text") await (await script.call(0)).held.opened;
  if (place === "text") await streamed(threadId, runId, '"a "');
  else await flow.model.probe(`${slug(text)}_hanging`).started.opened;
  if (place === "tools") await vi.waitUntil(() => flow.model.probe(`${slug(text)}_done`).answeredAt, patience);
  known.open = place === "text" ? [] : calls.map(({ id }) => id);
  return turn;
}

/** Resolves when the server has streamed these words. */
async function streamed(threadId: string, runId: string, words: string): Promise<void> {
  const seen = new AbortController();
  const stream = flow.direct.runs.joinStream(threadId, runId, { lastEventId: "-1", signal: seen.signal });
  for await (const part of stream) if (JSON.stringify(part).includes(words)) break;
  seen.abort();
}

/** What a stop leaves of such a turn. */
const cutTurn = (text: string, place: "text" | "tools") =>
  place === "text"
    ? [`human: ${text}`, "ai: Once upon a"]
    : [`human: ${text}`, "ai: ", `tool: [${slug(text)}_done]`, `tool: [${slug(text)}_hanging]`];

const withoutResults = (lines: string[]) => lines.map((line) => line.replace(/^(tool: \[[^\]]*\]).*$/, "$1"));

describe.concurrent.each(clients)("$name", (client) => {
  it.each([
    { place: "text", earlier: false },
    { place: "text", earlier: true },
    { place: "tools", earlier: false },
    { place: "tools", earlier: true },
  ] as const)("stopped twice in its $place, after an earlier turn: $earlier", async ({ place, earlier }) => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const id = `${client.name.split(":")[0]} ${place} ${earlier}`;
    const known: Known = { open: [] };
    const hello = earlier ? [`human: hello, ${id}`, "ai: Gladly."] : [];
    if (earlier) {
      flow.model.script(`hello, ${id}`, { text: ["Gladly."] });
      await send(flow.client, threadId, `hello, ${id}`, { graph }).ended;
      known.checkpoint = await readsHead(threadId);
    }
    for (const nth of ["first", "second"]) {
      const turn = await begins(client, threadId, `${nth}, ${id}`, place, known);
      known.checkpoint = (await client.stop(turn)) ?? known.checkpoint;
    }
    const last = flow.model.script(`last, ${id}`, { text: ["Gladly."] });
    const turn = client.send(threadId, `last, ${id}`, known);
    await turn.ended;
    await flow.client.runs.join(threadId, await lastRun(threadId));
    const messages = await conversation(flow.client, threadId);
    expect(
      withoutResults(outline(messages.map((message) => ({ ...message, content: textOf(message.content) })))),
    ).toEqual([
      ...hello,
      ...cutTurn(`first, ${id}`, place),
      ...cutTurn(`second, ${id}`, place),
      `human: last, ${id}`,
      "ai: Gladly.",
    ]);
    expect(JSON.stringify(messages)).not.toMatch(/Successfully handled|cancelled":true/);
    expect(new Set(messages.map((message) => message.id)).size).toBe(messages.length);
    expect(last.calls).toHaveLength(1);
  });
});

async function lastRun(threadId: string): Promise<string> {
  const runs = await flow.direct.runs.list(threadId);
  return runs.sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at))[0]?.run_id ?? "";
}
