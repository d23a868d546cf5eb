import { HumanMessage } from "@langchain/core/messages";
import { RemoteGraph } from "@langchain/langgraph/remote";
import { expect } from "vitest";
import { sdk } from "../helpers/flow.ts";
import { type Gate, gate } from "../helpers/gate.ts";

/** Who reads a run. */
export interface Reader {
  /** Resolves when words like these have come. */
  showed(words: string): Promise<void>;
  /** Resolves when its stream is over, or it has left. */
  ended: Promise<void>;
  leave(): void;
}

/** Who has begun one. */
export interface Turn extends Reader {
  runId: Promise<string>;
}

/** A client as its user has it, which talks to this URL. */
export interface NodeClient {
  name: string;
  send(url: string, threadId: string, text: string): Turn;
  /** Reads a run from its beginning. */
  join(url: string, threadId: string, runId: string): Reader;
  stop(url: string, threadId: string, runId: string, reader: Reader): Promise<unknown>;
  /** Leaving is its Stop, which is heard of at once or, without a word that it is one, when the next message comes. */
  leaving?: "stops" | "stops later";
}

const graph = "react";

/** Reads what comes, until it has left. */
function read(open: (signal: AbortSignal) => AsyncIterable<unknown>): Reader {
  const left = new AbortController();
  const awaited = new Map<string, Gate>();
  let text = "";
  const follow = async () => {
    for await (const part of open(left.signal)) {
      text += typeof part === "string" ? part : JSON.stringify(part);
      for (const [words, shown] of awaited) if (text.includes(words)) shown.open();
    }
  };
  const ended = follow().catch((error: Error) => {
    if (!left.signal.aborted) throw error;
  });
  const showed = (words: string) => {
    const shown = gate();
    awaited.set(words, shown);
    if (text.includes(words)) shown.open();
    return shown.opened;
  };
  return { showed, ended, leave: () => left.abort() };
}

const joinWithSdk: NodeClient["join"] = (url, threadId, runId) =>
  read((signal) => sdk(url).runs.joinStream(threadId, runId, { lastEventId: "-1", signal }));

const sendWithSdk =
  (onDisconnect?: "cancel"): NodeClient["send"] =>
  (url, threadId, text) => {
    const runId = gate<string>();
    const input = { messages: [{ role: "user", content: text }] };
    const reader = read((signal) =>
      sdk(url).runs.stream(threadId, graph, {
        input,
        streamMode: ["values", "messages-tuple"],
        onDisconnect,
        signal,
        onRunCreated: ({ run_id }) => runId.open(run_id),
      }),
    );
    return { ...reader, runId: runId.opened };
  };

/** It tells no run id; its user asks for the thread's runs. */
const sendWithRemoteGraph: NodeClient["send"] = (url, threadId, text) => {
  const runId = gate<string>();
  const remote = new RemoteGraph({ graphId: graph, url });
  const reader = read(async function* (signal) {
    const config = {
      configurable: { thread_id: threadId },
      streamMode: ["values", "messages"] as ("values" | "messages")[],
      signal,
    };
    for await (const part of await remote.stream({ messages: [new HumanMessage(text)] }, config)) {
      const [run] = await sdk(url).runs.list(threadId, { status: "running" });
      if (run) runId.open(run.run_id);
      yield part;
    }
  });
  return { ...reader, runId: runId.opened };
};

/** The lines of a stream, as `fetch` has them. */
async function* lines(answer: Response): AsyncGenerator<string> {
  if (!answer.ok) throw new Error(`HTTP ${answer.status}: ${await answer.text()}`);
  const decoder = new TextDecoder();
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    yield decoder.decode(chunk, { stream: true });
  }
}

const headers = { "content-type": "application/json", accept: "text/event-stream" };

const sendPlainly: NodeClient["send"] = (url, threadId, text) => {
  const runId = gate<string>();
  const input = { messages: [{ role: "user", content: text }] };
  const body = JSON.stringify({ assistant_id: graph, input, stream_mode: ["values", "messages-tuple"] });
  const reader = read(async function* (signal) {
    const request = { method: "POST", headers, body, signal };
    const answer = await fetch(`${url}/threads/${threadId}/runs/stream`, request);
    runId.open(/\/runs\/([^/?]+)/.exec(answer.headers.get("content-location") ?? "")?.[1] ?? "");
    yield* lines(answer);
  });
  return { ...reader, runId: runId.opened };
};

const joinPlainly: NodeClient["join"] = (url, threadId, runId) =>
  read(async function* (signal) {
    const request = { headers: { ...headers, "last-event-id": "-1" }, signal };
    yield* lines(await fetch(`${url}/threads/${threadId}/runs/${runId}/stream`, request));
  });

const post = (url: string) => fetch(url, { method: "POST", headers, body: "{}" });
const cancel = (url: string, threadId: string, runId: string) => sdk(url).runs.cancel(threadId, runId);
const leave: NodeClient["stop"] = async (_url, _threadId, _runId, reader) => reader.leave();

export const nodeClients: NodeClient[] = [
  { name: "the SDK, cancel", send: sendWithSdk(), join: joinWithSdk, stop: cancel },
  {
    name: "the SDK, aborted with onDisconnect: cancel",
    send: sendWithSdk("cancel"),
    join: joinWithSdk,
    stop: leave,
    leaving: "stops",
  },
  {
    name: "RemoteGraph, cancel and abort",
    send: sendWithRemoteGraph,
    join: joinWithSdk,
    async stop(url, threadId, runId, reader) {
      await cancel(url, threadId, runId);
      reader.leave();
    },
  },
  {
    name: "RemoteGraph, abort alone",
    send: sendWithRemoteGraph,
    join: joinWithSdk,
    stop: leave,
    leaving: "stops later",
  },
  {
    name: "plain SSE, POST /stop",
    send: sendPlainly,
    join: joinPlainly,
    stop: (url, threadId) => post(`${url}/threads/${threadId}/stop`),
  },
  {
    name: "plain SSE, cancel",
    send: sendPlainly,
    join: joinPlainly,
    async stop(url, threadId, runId) {
      const answer = await post(`${url}/threads/${threadId}/runs/${runId}/cancel`);
      expect([answer.status, await answer.text()]).toEqual([202, ""]);
    },
  },
];
