import type { Client } from "@langchain/langgraph-sdk";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { isAI, type Message, textOf } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, sdk, send, stop, useFlow } from "../helpers/flow.ts";
import { type ForgetfulUpstream, startForgetful } from "../helpers/forgetful-upstream.ts";
import { startProxy } from "../helpers/proxy.ts";

const flow = useFlow();
/** In seconds. */
const window = 4;
const pace = 100;
const patience = window * 1000 + 5000;

let upstream: ForgetfulUpstream;
let proxy: Listening;
let client: Client;

beforeAll(async () => {
  upstream = await startForgetful(inject("langgraphUrl"), window * 1000);
  proxy = await startProxy(upstream.url, { REPLAY_WINDOW: String(window) });
  client = sdk(proxy.url);
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

const input = (prompt: string) => ({ messages: [{ role: "user", content: prompt }] });
const said = (messages: Message[]) => messages.filter(isAI).map(({ content }) => textOf(content));

/** A model that goes on for `seconds` and is held then. */
function reporting(prompt: string, seconds: number) {
  const words = (seconds * 1000) / pace;
  const text = Array.from({ length: words }, (_, n) => `${prompt.replaceAll(" ", "_")}-${n} `);
  return { text, script: flow.model.script(prompt, { text, pace, holdAfter: words }) };
}

const snapshots = async () =>
  (await flow.direct.store.searchItems(["fermata", "snapshots"], { limit: 100 })).items.map(({ key }) => key);

it("a run that is shorter than half the window costs no request more", async () => {
  const count = async (prompt: string, replica: Listening) => {
    flow.model.script(prompt, { text: ["Short."] });
    const direct = sdk(replica.url);
    const { thread_id: threadId } = await direct.threads.create();
    const before = upstream.requests.length;
    await send(direct, threadId, prompt, { graph: "react" }).ended;
    return upstream.requests.slice(before).map((request) => request.replace(/[0-9a-f-]{36}/g, "…"));
  };
  const never = await startProxy(upstream.url, { REPLAY_WINDOW: "100000" });
  // Each asks once what its server is.
  await Promise.all([count("warm", proxy), count("warm, too", never)]);
  expect(await count("short", proxy)).toEqual(await count("short, too", never));
  await never.close();
  const after = upstream.requests.length;
  await new Promise((later) => setTimeout(later, window * 500 + 500));
  expect(upstream.requests.slice(after)).toEqual([]);
});

/** Only ids that carry milliseconds can be forgotten by their age. */
describe.runIf(inject("server") === "python")("a long run's snapshots", { concurrent: true }, () => {
  it("show a stranger who reads the whole store none of the text, and are gone when the run has ended well", async () => {
    const { script, text } = reporting("sealed secret", 5);
    const { thread_id: threadId } = await client.threads.create();
    const live = send(client, threadId, "sealed secret", { graph: "react" });
    const call = await script.call(0);
    await call.held.opened;
    const runId = await live.runId;
    await vi.waitFor(async () => expect(await snapshots()).toContain(runId), patience);
    const everything = JSON.stringify(await flow.direct.store.searchItems([], { limit: 1000 }));
    expect(everything).toContain(runId);
    expect(everything).not.toContain("sealed_secret");
    call.release();
    await live.ended;
    expect(said(await conversation(client, threadId))).toEqual([text.join("")]);
    await vi.waitFor(async () => expect(await snapshots()).not.toContain(runId), patience);
  }, 40_000);

  it("hold only what the thread's state does not have", async () => {
    const calls = [{ id: "held_back", name: "probe", args: ['{"name":"held_back"}'] }];
    const script = flow.model.script(
      "two steps",
      { text: Array.from({ length: 30 }, (_, n) => `first-${n} `), pace, calls },
      { text: Array.from({ length: 20 }, (_, n) => `second-${n} `), pace, holdAfter: 20 },
    );
    flow.model.probe("held_back", "a result");
    const { thread_id: threadId } = await client.threads.create();
    const live = send(client, threadId, "two steps", { graph: "react" });
    await (await script.call(1)).held.opened;
    const runId = await live.runId;
    const size = async () =>
      JSON.stringify((await flow.direct.store.getItem(["fermata", "snapshots"], runId))?.value ?? "").length;
    // When both steps are in, the first has gone out of it again.
    await vi.waitFor(async () => expect(await size()).toBeGreaterThan(0), patience);
    await new Promise((later) => setTimeout(later, window * 500 + 1500));
    expect(await size()).toBeLessThan(4000);
    await stop(proxy.url, threadId);
    await live.ended;
    expect(said(await conversation(client, threadId)).map((text) => text.slice(0, 8))).toEqual([
      "first-0 ",
      "second-0",
    ]);
    await vi.waitFor(async () => expect(await snapshots()).not.toContain(runId), patience);
  }, 40_000);

  it("stay in memory where the store refuses, and say so", async () => {
    const refusing = await startForgetful(inject("langgraphUrl"), window * 1000);
    refusing.refuseStore(403);
    const replica = await startProxy(refusing.url, { REPLAY_WINDOW: String(window) });
    const { script, text } = reporting("no store", 9);
    const { thread_id: threadId } = await client.threads.create();
    const live = send(sdk(replica.url), threadId, "no store", { graph: "react" });
    await (await script.call(0)).held.opened;
    await stop(replica.url, threadId);
    await live.ended;
    expect(said(await conversation(client, threadId))).toEqual([text.join("").trimEnd()]);
    const metrics = await (await fetch(`${replica.url}/-/metrics`)).text();
    expect(metrics).toMatch(/fermata_snapshots_total\{kept="memory"\} [1-9]/);
    expect(metrics).not.toContain('kept="store"');
    await replica.close();
    await refusing.close();
  }, 40_000);

  it("leave nothing behind where the thread is deleted meanwhile", async () => {
    const { script } = reporting("deleted thread", 5);
    const { thread_id: threadId } = await client.threads.create();
    const { run_id: runId } = await client.runs.create(threadId, "react", { input: input("deleted thread") });
    const call = await script.call(0);
    await call.held.opened;
    await vi.waitFor(async () => expect(await snapshots()).toContain(runId), patience);
    await flow.direct.runs.cancel(threadId, runId, true);
    await flow.direct.threads.delete(threadId);
    await vi.waitFor(async () => expect(await snapshots()).not.toContain(runId), patience);
    expect((await fetch(`${proxy.url}/-/healthy`)).status).toBe(200);
  }, 40_000);
});

describe.runIf(inject("server") === "python")("a head that can't be had", { concurrent: true }, () => {
  it("is said: the run was started past the proxy, and nobody saw its beginning", async () => {
    const { script } = reporting("past the proxy", 9);
    const { thread_id: threadId } = await flow.direct.threads.create();
    const { run_id: runId } = await flow.direct.runs.create(threadId, "react", {
      input: input("past the proxy"),
      streamMode: ["values", "messages-tuple"],
      streamResumable: true,
    });
    await (await script.call(0)).held.opened;
    await stop(proxy.url, threadId);
    const messages = await conversation(client, threadId);
    expect(messages.at(-1)?.response_metadata?.stopped).toMatchObject({ run_id: runId, truncated: true });
    const [text = ""] = said(messages);
    expect(text).toMatch(/^past_the_proxy-\d+ /);
    expect(text).toMatch(/past_the_proxy-89$/);
  }, 40_000);
});
