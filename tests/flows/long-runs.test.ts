import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "@langchain/langgraph-sdk";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { isAI, type Message, messagesIn, textOf } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, type Live, runStart, sdk, send, stop, useFlow } from "../helpers/flow.ts";
import { type ForgetfulUpstream, startForgetful } from "../helpers/forgetful-upstream.ts";
import { kill } from "../helpers/mortal-flow.ts";
import { startProxy } from "../helpers/proxy.ts";
import { startReplica } from "../helpers/replica.ts";
import { openV2Socket } from "../helpers/v2-socket.ts";

/** Only ids that carry milliseconds can be forgotten by their age. */
const isPython = inject("server") === "python";

const flow = useFlow();
/** In seconds. */
const window = 12;
/** So many words, one each so many milliseconds: more than twice the window. */
const words = 126;
const pace = 200;

let upstream: ForgetfulUpstream;
/** The replica that streams, and another. */
let first: Listening;
let other: Listening;
let client: Client;
const settings = { REPLAY_WINDOW: String(window) };

beforeAll(async () => {
  upstream = await startForgetful(inject("langgraphUrl"), window * 1000);
  [first, other] = await Promise.all([startProxy(upstream.url, settings), startProxy(upstream.url, settings)]);
  client = sdk(first.url);
});
afterAll(async () => {
  await Promise.all([first.close(), other.close()]);
  await upstream.close();
});

const reportOn = (prompt: string) => Array.from({ length: words }, (_, n) => `${prompt.replaceAll(" ", "_")}-${n} `);
const wholeOf = (text: string[]) => text.join("").trimEnd();
const said = (messages: Message[]) => messages.filter(isAI).map(({ content }) => textOf(content));
const input = (prompt: string) => ({ messages: [{ role: "user", content: prompt }] });

/** A model that says a report and is held at its end; `held` opens then. */
function reporting(prompt: string, graph = "react") {
  const text = reportOn(prompt);
  const script = flow.model.script(prompt, { text, pace, holdAfter: words });
  const held = async () => {
    const call = await script.call(0);
    await call.held.opened;
    return call;
  };
  return { prompt, graph, whole: wholeOf(text), held };
}

/** A thread on which a report is being streamed to a client of the first replica. */
async function streaming(prompt: string, onDisconnect?: "cancel" | "continue", by = client) {
  const report = reporting(prompt);
  const { thread_id: threadId } = await by.threads.create();
  const live = send(by, threadId, prompt, { graph: report.graph, onDisconnect });
  return { ...report, threadId, live, runId: await live.runId };
}

/** A report that is half told when the replica through which it streams is killed, and that then goes on to its end. */
async function bereaved(prompt: string, rejoin: (threadId: string, runId: string) => Promise<() => unknown>) {
  const replica = await startReplica(upstream.url, undefined, settings);
  const { threadId, runId, held, whole, live } = await streaming(prompt, "continue", sdk(replica.url));
  await live.showed(`${prompt.replaceAll(" ", "_")}-${words / 2} `);
  await kill(replica, live);
  const leave = await rejoin(threadId, runId);
  await held();
  await stop(other.url, threadId);
  await leave();
  return { threadId, runId, replies: [whole] };
}

/** Reads what this address streams, until it is left. */
async function reading(path: string, init: RequestInit = {}): Promise<() => void> {
  const gone = new AbortController();
  const answer = await fetch(other.url + path, { ...init, signal: gone.signal });
  expect(answer.status).toBe(200);
  answer.body?.pipeTo(new WritableStream()).catch(() => "left");
  return () => gone.abort();
}

/** What the store still has of the run. */
const kept = async (runId: string) => (await flow.direct.store.getItem(["fermata", "snapshots"], runId))?.key;

/** What a client that asked for `messages` is shown, in order. */
const partials = (parts: Live["parts"]) =>
  parts.flatMap(({ event, data }) => {
    const [message] = event === "messages/partial" ? (data as Message[]) : [];
    return [message ? `${event} ${textOf(message.content)}` : event];
  });

/** Each case leads a thread to its end; then the thread has these replies, word for word. */
const cases: Record<string, () => Promise<{ threadId: string; runId: string; replies: string[] }>> = {
  async "stopped through the replica that streams"() {
    const { threadId, runId, held, whole, live } = await streaming("same replica");
    await held();
    await stop(first.url, threadId);
    await live.ended;
    return { threadId, runId, replies: [whole] };
  },
  async "stopped through another"() {
    const { threadId, runId, held, whole, live } = await streaming("another replica");
    await held();
    await stop(other.url, threadId);
    await live.ended;
    return { threadId, runId, replies: [whole] };
  },
  "the streaming replica was killed; its client joins the run again through another": () =>
    bereaved("joins the run", (threadId, runId) => reading(`/threads/${threadId}/runs/${runId}/stream`)),
  "it was killed; its client joins the thread's stream": () =>
    bereaved("joins the thread", (threadId) => reading(`/threads/${threadId}/stream`)),
  "it was killed; its client reads the thread's v2 events": () =>
    bereaved("reads the events", (threadId) =>
      reading(`/threads/${threadId}/stream/events`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ channels: ["messages"] }),
      }),
    ),
  "it was killed; its client opens the thread's v2 socket": () =>
    bereaved("opens the socket", async (threadId) => {
      const socket = await openV2Socket(other.url, threadId);
      return () => socket.close();
    }),
  async "a background run that nobody reads"() {
    const { prompt, graph, held, whole } = reporting("nobody reads");
    const { thread_id: threadId } = await client.threads.create();
    const { run_id: runId } = await client.runs.create(threadId, graph, { input: input(prompt) });
    await held();
    await stop(other.url, threadId);
    return { threadId, runId, replies: [whole] };
  },
  async "a reader who has left"() {
    const { threadId, runId, held, whole, live } = await streaming("left reader", "continue");
    await live.showed("left_reader-9 ");
    live.hangUp();
    await held();
    await stop(other.url, threadId);
    return { threadId, runId, replies: [whole] };
  },
  async "a client that reloads and joins again"() {
    const { threadId, runId, held, whole, live } = await streaming("loads again", "continue");
    await live.showed("loads_again-30 ");
    live.hangUp();
    const rejoined: Live["parts"] = [];
    const joined = (async () => {
      for await (const part of client.runs.joinStream(threadId, runId, { lastEventId: "-1" }))
        rejoined.push(part as Live["parts"][number]);
    })();
    await held();
    await stop(first.url, threadId);
    await joined;
    // It ends with the thread as the stop has left it.
    expect(said(messagesIn(rejoined.findLast(({ event }) => event === "values")?.data, "messages"))).toEqual([whole]);
    return { threadId, runId, replies: [whole] };
  },
  async "a client that asks for `messages`"() {
    const { prompt, held, whole } = reporting("by messages");
    const { thread_id: threadId } = await client.threads.create();
    const live = send(client, threadId, prompt, { graph: "react", streamMode: ["messages"] });
    await (await held()).held.opened;
    await live.showed(`${prompt.replaceAll(" ", "_")}-${words - 1} `);
    await stop(other.url, threadId);
    await live.ended;
    flow.model.script("directly, by messages", { text: reportOn(prompt), holdAfter: words });
    const { thread_id: directly } = await flow.direct.threads.create();
    const direct = send(flow.direct, directly, "directly, by messages", { graph: "react", streamMode: ["messages"] });
    await direct.showed(`${prompt.replaceAll(" ", "_")}-${words - 1} `);
    await flow.direct.runs.cancel(directly, await direct.runId, true);
    await direct.ended;
    expect(partials(live.parts)).toEqual(partials(direct.parts));
    return { threadId, runId: await live.runId, replies: [whole] };
  },
  async "rolled back with its text"() {
    const { threadId, runId, held, whole, live } = await streaming("roll it back");
    await held();
    await stop(other.url, threadId, { action: "rollback" });
    await live.ended;
    return { threadId, runId, replies: [whole] };
  },
  async "double texting"() {
    const { threadId, runId, held, whole, live } = await streaming("first of two");
    await held();
    flow.model.script("and the second", { text: ["Gladly."] });
    const next = send(sdk(other.url), threadId, "and the second", { graph: "react", multitaskStrategy: "interrupt" });
    await Promise.all([live.ended, next.ended]);
    return { threadId, runId, replies: [whole, "Gladly."] };
  },
  async "cut directly, and its replica was killed"() {
    const replica = await startReplica(upstream.url, undefined, settings);
    const { threadId, runId, held, whole, live } = await streaming("cut directly", "continue", sdk(replica.url));
    await held();
    await kill(replica, live);
    await flow.direct.runs.cancel(threadId, runId, true);
    flow.model.script("after the direct cut", { text: ["Gladly."] });
    await send(sdk(other.url), threadId, "after the direct cut", { graph: "react" }).ended;
    return { threadId, runId, replies: [whole, "Gladly."] };
  },
  async "a model that pauses for longer than the window"() {
    const prompt = "a long pause";
    const text = reportOn(prompt).slice(0, 40);
    const script = flow.model.script(prompt, { text, pace, holdAfter: 20 }, { text: ["never said"] });
    const { thread_id: threadId } = await client.threads.create();
    const live = send(client, threadId, prompt, { graph: "react" });
    const call = await script.call(0);
    await call.held.opened;
    await delay(window * 1000 + 2000);
    call.release();
    const some = wholeOf(text.slice(0, 30));
    await vi.waitFor(() => expect([...live.shown().values()].join("")).toContain(some), 20_000);
    await stop(other.url, threadId);
    await live.ended;
    const [reply = ""] = said(await conversation(client, threadId));
    expect(reply.length).toBeGreaterThanOrEqual(some.length);
    return { threadId, runId: await live.runId, replies: [wholeOf(text).slice(0, reply.length)] };
  },
  async "two model calls in one nested graph"() {
    const prompt = "nested twice";
    const [one, two] = [reportOn("one").slice(0, 60), reportOn("two").slice(0, 66)];
    const calls = [{ id: "nested_twice", name: "probe", args: ['{"name":"nested_twice"}'] }];
    flow.model.probe("nested_twice", "found");
    const script = flow.model.script(prompt, { text: one, pace, calls }, { text: two, pace, holdAfter: 66 });
    const { thread_id: threadId } = await client.threads.create();
    const live = send(client, threadId, prompt, { graph: "nested", streamSubgraphs: true });
    await (await script.call(1)).held.opened;
    await stop(other.url, threadId);
    await live.ended;
    return { threadId, runId: await live.runId, replies: [one.join(""), wholeOf(two)] };
  },
  async "a run of the v2 protocol"() {
    const { prompt, held, whole } = reporting("second protocol");
    const { thread_id: threadId } = await client.threads.create();
    const runId = await runStart(first.url, threadId, { assistant_id: "react", input: input(prompt) });
    await held();
    await stop(other.url, threadId);
    return { threadId, runId, replies: [whole] };
  },
};

describe.runIf(isPython)(
  "a reply that is longer than the server's memory is kept, word for word",
  { concurrent: true },
  () => {
    it.each(Object.keys(cases))("%s", { timeout: 90_000 }, async (name) => {
      const { threadId, runId, replies } = (await cases[name]?.()) ?? { threadId: "", runId: "", replies: [] };
      const messages = await conversation(flow.client, threadId);
      expect(said(messages)).toEqual(replies);
      expect(JSON.stringify(messages)).not.toContain("truncated");
      await vi.waitFor(async () => expect(await kept(runId)).toBeUndefined(), (window / 2) * 1000 + 5000);
    });
  },
);
