import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "@langchain/langgraph-sdk";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { isAI, type Message, textOf } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, runStart, sdk, send, stop, useFlow } from "../helpers/flow.ts";
import { type ForgetfulUpstream, startForgetful } from "../helpers/forgetful-upstream.ts";
import type { Script } from "../helpers/model/script.ts";
import { startProxy } from "../helpers/proxy.ts";
import { startReplica } from "../helpers/replica.ts";

const flow = useFlow();
/** In seconds; and where only short runs are made. */
const window = 10;
const shortWindow = 6;
const pace = 200;
/** Of replies that are longer than twice the window, in seconds. */
const long = 22;
const patience = window * 1000 + 10_000;
const settings = { REPLAY_WINDOW: String(window) };
/** Only ids that carry milliseconds can be forgotten by their age. */
const isPython = inject("server") === "python";

let upstream: ForgetfulUpstream;
let proxy: Listening;
let client: Client;

beforeAll(async () => {
  upstream = await startForgetful(inject("langgraphUrl"), window * 1000);
  proxy = await startProxy(upstream.url, settings);
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

describe("a run that is shorter than half the window", () => {
  type Way = (replica: Listening, threadId: string, prompt: string, script: Script) => Promise<unknown>;
  /** Its end is seen by the replica. */
  const seen: Record<string, Way> = {
    "runs/stream": ({ url }, threadId, prompt) => send(sdk(url), threadId, prompt, { graph: "react" }).ended,
    "runs/wait": ({ url }, threadId, prompt) => sdk(url).runs.wait(threadId, "react", { input: input(prompt) }),
    async "a join of its stream"({ url }, threadId, prompt, script) {
      const { run_id: runId } = await sdk(url).runs.create(threadId, "react", { input: input(prompt) });
      for await (const part of sdk(url).runs.joinStream(threadId, runId, { lastEventId: "-1" })) {
        expect(part.event).not.toBe("error");
        // Only a run that goes on is joined as one.
        (await script.call(0)).release();
      }
    },
  };
  /** It is not: the replica has to look whether the run goes on. */
  const unseen: Record<string, Way> = {
    async "a background run"({ url }, threadId, prompt) {
      const { run_id: runId } = await sdk(url).runs.create(threadId, "react", { input: input(prompt) });
      await flow.direct.runs.join(threadId, runId);
    },
    async "one that is waited for"({ url }, threadId, prompt) {
      const { run_id: runId } = await sdk(url).runs.create(threadId, "react", { input: input(prompt) });
      await sdk(url).runs.join(threadId, runId);
    },
    async "one of the v2 protocol"({ url }, threadId, prompt) {
      const runId = await runStart(url, threadId, { assistant_id: "react", input: input(prompt) });
      await flow.direct.runs.join(threadId, runId);
    },
  };
  const run = async (way: Way | undefined, replica: Listening, prompt: string) => {
    const script = flow.model.script(prompt, { text: ["Short."], holdAfter: way?.length === 4 ? 0 : undefined });
    const { thread_id: threadId } = await flow.direct.threads.create();
    await way?.(replica, threadId, prompt, script);
  };
  /** A replica, and the server before which it stands. */
  async function begin(replayWindow = shortWindow) {
    const server = await startForgetful(inject("langgraphUrl"), shortWindow * 1000);
    const replica = await startProxy(server.url, { REPLAY_WINDOW: String(replayWindow) });
    const close = async () => {
      await replica.close();
      await server.close();
    };
    return { server, replica, close };
  }
  const requestsSince = (at: number, { requests }: ForgetfulUpstream) =>
    requests.slice(at).map((one) => one.replace(/[0-9a-f-]{36}/g, "…"));
  const theRun = "GET /threads/…/runs/…";

  it("costs no request more", async () => {
    const [usual, never] = await Promise.all([begin(), begin(100_000)]);
    // Each asks once what its server is.
    await Promise.all([
      run(seen["runs/stream"], usual.replica, "warm"),
      run(seen["runs/stream"], never.replica, "warm, too"),
    ]);
    for (const [name, way] of Object.entries(seen)) {
      const count = async ({ server, replica }: typeof usual, prompt: string) => {
        const before = server.requests.length;
        await run(way, replica, prompt);
        // Some are made as often as it takes.
        return new Set(requestsSince(before, server));
      };
      expect([name, await count(usual, `${name}, short`)]).toEqual([name, await count(never, `${name}, short, too`)]);
    }
    const after = usual.server.requests.length;
    await delay(shortWindow * 500 + 500);
    expect(requestsSince(after, usual.server)).toEqual([]);
    await Promise.all([usual.close(), never.close()]);
  }, 60_000);

  it.concurrent.each(Object.keys(unseen))("costs one read of the run where its end is not seen: %s", async (name) => {
    const { server, replica, close } = await begin();
    await run(unseen[name], replica, `${name}, short`);
    const after = server.requests.length;
    await delay(shortWindow * 500 + 500);
    // The JS server forgets nothing.
    expect(requestsSince(after, server)).toEqual(isPython ? [theRun] : []);
    await close();
  });
});

describe.runIf(isPython)("a long run's snapshots", { concurrent: true }, () => {
  it("hold only what the thread's state does not have", async () => {
    const args = [JSON.stringify({ name: "held_back" })];
    const calls = [{ id: "held_back", name: "probe", args }];
    const longWord = "word".repeat(50);
    const script = flow.model.script(
      "two steps",
      { text: Array.from({ length: 40 }, (_, n) => `${longWord}-${n} `), pace, calls },
      { text: Array.from({ length: 20 }, (_, n) => `second-${n} `), pace, holdAfter: 20 },
    );
    flow.model.probe("held_back", "a large result ".repeat(4000));
    const { thread_id: threadId } = await client.threads.create();
    const live = send(client, threadId, "two steps", { graph: "react" });
    const runId = await live.runId;
    const size = async () =>
      JSON.stringify((await flow.direct.store.getItem(["fermata", "snapshots"], runId))?.value ?? "").length;
    await vi.waitFor(async () => expect(await size()).toBeGreaterThan(5000), patience);
    await (await script.call(1)).held.opened;
    // When both steps are in, the first has gone out of it again, and the tool's result is not in it.
    await vi.waitFor(async () => expect(await size()).toBeLessThan(3000), patience);
    await stop(proxy.url, threadId);
    await live.ended;
    const messages = await conversation(client, threadId);
    expect(said(messages).map((text) => text.slice(-9))).toEqual([`word-39 `.padStart(9, "d"), "second-19"]);
    expect(messages.map(({ type }) => type)).toEqual(["human", "ai", "tool", "ai"]);
    await vi.waitFor(async () => expect(await snapshots()).not.toContain(runId), patience);
  }, 60_000);

  it.each([403, 500])(
    "stay in memory where the store refuses with %i, and say so once",
    async (status) => {
      const refusing = await startForgetful(inject("langgraphUrl"), window * 1000);
      refusing.refuseStore(status);
      const replica = await startReplica(refusing.url, undefined, settings);
      const prompt = `no store, ${status}`;
      const { script, text } = reporting(prompt, long);
      const { thread_id: threadId } = await client.threads.create();
      const live = send(sdk(replica.url), threadId, prompt, { graph: "react" });
      await (await script.call(0)).held.opened;
      await stop(replica.url, threadId);
      await live.ended;
      expect(said(await conversation(client, threadId))).toEqual([text.join("").trimEnd()]);
      const metrics = await (await fetch(`${replica.url}/-/metrics`)).text();
      expect(Number(/fermata_snapshots_total\{kept="memory"\} (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(1);
      expect(metrics).not.toContain('kept="store"');
      const lines = replica.log().split("\n");
      expect(lines.filter((line) => line.includes("the store refuses: snapshots stay in memory"))).toHaveLength(1);
      replica.kill("SIGKILL");
      await refusing.close();
    },
    90_000,
  );

  it("stay in memory for the one caller whom the store refuses; the others' are in the store", async () => {
    const refusing = await startForgetful(inject("langgraphUrl"), window * 1000);
    refusing.refuseStore(403, (authorization) => authorization === "Bearer alice");
    const replica = await startProxy(refusing.url, settings);
    const turn = async (who: string) => {
      const prompt = `no store for one, ${who}`;
      const { script, text } = reporting(prompt, long);
      const own = sdk(replica.url, { authorization: `Bearer ${who}` });
      const { thread_id: threadId } = await own.threads.create();
      const live = send(own, threadId, prompt, { graph: "react" });
      await (await script.call(0)).held.opened;
      const runId = await live.runId;
      const isThere = (await snapshots()).includes(runId);
      await stop(replica.url, threadId);
      await live.ended;
      expect(said(await conversation(client, threadId))).toEqual([text.join("").trimEnd()]);
      return isThere;
    };
    expect(await Promise.all([turn("alice"), turn("bob")])).toEqual([false, true]);
    await replica.close();
    await refusing.close();
  }, 60_000);

  it("leave nothing behind where the run has ended well", async () => {
    const { script, text } = reporting("a good end", 8);
    const { thread_id: threadId } = await client.threads.create();
    const live = send(client, threadId, "a good end", { graph: "react" });
    const call = await script.call(0);
    await call.held.opened;
    const runId = await live.runId;
    await vi.waitFor(async () => expect(await snapshots()).toContain(runId), patience);
    call.release();
    await live.ended;
    expect(said(await conversation(client, threadId))).toEqual([text.join("")]);
    await vi.waitFor(async () => expect(await snapshots()).not.toContain(runId), patience);
  }, 60_000);

  it("leave nothing behind where the thread is deleted meanwhile", async () => {
    const { script } = reporting("deleted thread", 8);
    const { thread_id: threadId } = await client.threads.create();
    const { run_id: runId } = await client.runs.create(threadId, "react", { input: input("deleted thread") });
    const call = await script.call(0);
    await call.held.opened;
    await vi.waitFor(async () => expect(await snapshots()).toContain(runId), patience);
    await flow.direct.runs.cancel(threadId, runId, true);
    await flow.direct.threads.delete(threadId);
    await vi.waitFor(async () => expect(await snapshots()).not.toContain(runId), patience);
    expect((await fetch(`${proxy.url}/-/healthy`)).status).toBe(200);
  }, 60_000);
});

describe.runIf(isPython)("a head that can't be had", { concurrent: true }, () => {
  it("is said: the run was started past the proxy, and nobody saw its beginning", async () => {
    const { script } = reporting("past the proxy", long);
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
    expect(text).toMatch(/past_the_proxy-109$/);
  }, 60_000);
});
