import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "@langchain/langgraph-sdk";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { isAI, type Message, textOf } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, sdk, send, stop, useFlow } from "../helpers/flow.ts";
import { type ForgetfulUpstream, startForgetful } from "../helpers/forgetful-upstream.ts";
import { startProxy } from "../helpers/proxy.ts";

/** Only ids that carry milliseconds can be forgotten by their age. */
const isPython = inject("server") === "python";

const flow = useFlow();
/** In seconds. */
const window = 6;
/** So many words, one each so many milliseconds: more than twice the window. */
const words = 130;
const pace = 100;

let upstream: ForgetfulUpstream;
/** The replica that streams, and another. */
let first: Listening;
let other: Listening;
let client: Client;
const startReplica = () => startProxy(upstream.url, { REPLAY_WINDOW: String(window) });

beforeAll(async () => {
  upstream = await startForgetful(inject("langgraphUrl"), window * 1000);
  [first, other] = await Promise.all([startReplica(), startReplica()]);
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

/** What the store still has of the run. */
const kept = async (runId: string) => (await flow.direct.store.getItem(["fermata", "snapshots"], runId))?.key;

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
  async "stopped after the streaming replica is gone"() {
    const dying = await startReplica();
    const { threadId, runId, held, whole, live } = await streaming("a dead replica", "continue", sdk(dying.url));
    await live.showed(`a_dead_replica-${words / 2} `);
    live.hangUp();
    await dying.close();
    // A client that finds it gone rejoins through another.
    const leave = new AbortController();
    const rejoined = (async () => {
      const stream = sdk(other.url).runs.joinStream(threadId, runId, { signal: leave.signal });
      for await (const _part of stream) if (leave.signal.aborted) break;
    })().catch((error: Error) => {
      if (!leave.signal.aborted) throw error;
    });
    await held();
    await stop(other.url, threadId);
    await rejoined;
    return { threadId, runId, replies: [whole] };
  },
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
  async "cut directly, and its replica gone"() {
    const dying = await startReplica();
    const { threadId, runId, held, whole, live } = await streaming("cut directly", "continue", sdk(dying.url));
    await held();
    live.hangUp();
    await dying.close();
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
    const [one, two] = [reportOn("one").slice(0, 60), reportOn("two").slice(0, 70)];
    const calls = [{ id: "nested_twice", name: "probe", args: ['{"name":"nested_twice"}'] }];
    flow.model.probe("nested_twice", "found");
    const script = flow.model.script(prompt, { text: one, pace, calls }, { text: two, pace, holdAfter: 70 });
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
    const answer = await fetch(`${first.url}/threads/${threadId}/commands`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        id: 1,
        method: "run.start",
        params: { assistant_id: "react", input: input(prompt) },
      }),
    });
    const { result } = (await answer.json()) as { result: { run_id: string } };
    await held();
    await stop(other.url, threadId);
    return { threadId, runId: result.run_id, replies: [whole] };
  },
};

describe.runIf(isPython)(
  "a reply that is longer than the server's memory is kept, word for word",
  { concurrent: true },
  () => {
    it.each(Object.keys(cases))("%s", { timeout: 60_000 }, async (name) => {
      const { threadId, runId, replies } = (await cases[name]?.()) ?? { threadId: "", runId: "", replies: [] };
      const messages = await conversation(flow.client, threadId);
      expect(said(messages)).toEqual(replies);
      expect(JSON.stringify(messages)).not.toContain("truncated");
      await vi.waitFor(async () => expect(await kept(runId)).toBeUndefined(), (window / 2) * 1000 + 5000);
    });
  },
);
