import { type Checkpoint, Client, type StreamMode } from "@langchain/langgraph-sdk";
import { afterAll, beforeAll, expect, inject } from "vitest";
import { type Message, messagesIn, textOf } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { type Gate, gate } from "./gate.ts";
import { startProxy } from "./proxy.ts";
import { type StrictModel, startStrictModel } from "./strict-model.ts";

/** What a flow talks to: the real proxy in front of the real dev server, with a strict model behind it. */
export interface Flow {
  model: StrictModel;
  proxy: Listening;
  /** Through the proxy, as any client would. */
  client: Client;
  /** Past the proxy. */
  direct: Client;
}

export const sdk = (apiUrl: string, defaultHeaders: Record<string, string> = {}) =>
  new Client({ apiUrl, apiKey: null, defaultHeaders, callerOptions: { maxConcurrency: Number.POSITIVE_INFINITY } });

/** Sets up a flow for the tests of one file; every history that the model refused fails the file. */
export function useFlow(): Flow {
  const flow = {} as Flow;
  beforeAll(async () => {
    flow.model = await startStrictModel(inject("modelPort"));
    flow.proxy = await startProxy(inject("langgraphUrl"));
    flow.client = sdk(flow.proxy.url);
    flow.direct = sdk(inject("langgraphUrl"));
  });
  afterAll(async () => {
    const { rejected } = flow.model;
    await flow.proxy.close();
    await flow.model.close();
    expect(rejected).toEqual([]);
  });
  return flow;
}

/** A run that is being streamed to a client. */
export interface Live {
  threadId: string;
  /** As soon as the stream says. */
  runId: Promise<string>;
  parts: { id?: string; event: string; data: unknown }[];
  /** What the client shows of each message, by id. */
  shown(): Map<string, string>;
  /** Resolves when a part of the stream has had these words in it. */
  showed(words: string): Promise<void>;
  /** Resolves when the stream has ended. */
  ended: Promise<void>;
  hangUp(): void;
}

export interface Asked {
  graph?: string;
  streamMode?: StreamMode[];
  streamSubgraphs?: boolean;
  multitaskStrategy?: "interrupt" | "rollback" | "enqueue";
  onDisconnect?: "cancel" | "continue";
  /** Instead of one message of the user's. */
  input?: Record<string, unknown>;
  /** What a run that is paused goes on with, instead of an input. */
  resume?: string;
  configurable?: Record<string, unknown>;
  /** Where the client takes itself to be. */
  checkpoint?: Omit<Checkpoint, "thread_id"> | null;
  streamResumable?: boolean;
}

/** Sends a message and goes on reading in the background. */
export function send(client: Client, threadId: string, text: string, asked: Asked = {}): Live {
  const runId = gate<string>();
  const parts: Live["parts"] = [];
  const leave = new AbortController();
  const awaited = new Map<string, Gate>();
  const notice = (part: unknown) => {
    const text = JSON.stringify(part);
    for (const [words, shown] of awaited) if (text.includes(words)) shown.open();
  };
  const showed = (words: string) => {
    const shown = awaited.get(words) ?? gate();
    awaited.set(words, shown);
    for (const part of parts) notice(part);
    return shown.opened;
  };
  const read = async () => {
    const stream = client.runs.stream(threadId, asked.graph ?? "agent", {
      ...(asked.resume === undefined
        ? { input: asked.input ?? { messages: [{ role: "user", content: text }] } }
        : { command: { resume: asked.resume } }),
      streamMode: asked.streamMode ?? ["values", "messages-tuple"],
      multitaskStrategy: asked.multitaskStrategy,
      streamSubgraphs: asked.streamSubgraphs,
      onDisconnect: asked.onDisconnect,
      checkpoint: asked.checkpoint ?? undefined,
      streamResumable: asked.streamResumable,
      config: asked.configurable && { configurable: asked.configurable },
      signal: leave.signal,
      onRunCreated: ({ run_id }) => runId.open(run_id),
    });
    for await (const part of stream) {
      parts.push(part as Live["parts"][number]);
      notice(part);
    }
  };
  const ended = read().catch((error: Error) => {
    if (!leave.signal.aborted) throw error;
  });
  const shown = () => shownIn(parts);
  return { threadId, runId: runId.opened, parts, ended, shown, showed, hangUp: () => leave.abort() };
}

/** Starts a run of the v2 protocol; its id. */
export async function runStart(url: string, threadId: string, params: unknown): Promise<string> {
  const answer = await fetch(`${url}/threads/${threadId}/commands`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id: 1, method: "run.start", params }),
  });
  const { result } = (await answer.json()) as { result: { run_id: string } };
  return result.run_id;
}

/** Tokens joined by message id, as a page shows them. */
export function shownIn(parts: Live["parts"]): Map<string, string> {
  const shown = new Map<string, string>();
  for (const { event, data } of parts) {
    if (event !== "messages" || !Array.isArray(data)) continue;
    const [message] = data as [Message];
    if (message.type === "tool" || !message.id) continue;
    shown.set(message.id, (shown.get(message.id) ?? "") + textOf(message.content));
  }
  return shown;
}

/** The thread's messages, and that nothing is pending. */
export async function conversation(client: Client, threadId: string): Promise<Message[]> {
  const state = await client.threads.getState(threadId);
  expect(state.next).toEqual([]);
  return messagesIn(state.values, "messages");
}

/** What a thread's messages say, one short line each. */
export const outline = (messages: Message[]): string[] =>
  messages.map(({ type, content, tool_call_id }) => `${type}: ${tool_call_id ? `[${tool_call_id}] ` : ""}${content}`);

/** `POST /threads/:t/stop`, without an SDK. */
export async function stop(url: string, threadId: string, body?: unknown): Promise<{ status: number; body: StopBody }> {
  const answer = await fetch(`${url}/threads/${threadId}/stop`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as StopBody };
}

export interface StopBody {
  thread_id: string;
  outcome: string;
  run_ids: string[];
  kept: Message[];
  tool_calls: { id: string; name: string; fate: string }[];
  input?: unknown;
  inputs?: { run_id: string; input: unknown }[];
  error?: string;
  field?: string;
}
