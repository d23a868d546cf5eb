import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, outline, sdk, send, useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";

const flow = useFlow();
const kept = "ai: Once upon a";
const story = { text: ["Once ", "upon ", "a ", "time ", "there ", "was."], holdAfter: 3 };

/** A run through this replica of which three tokens were shown. */
async function inMidText(proxy: Listening, prompt: string, onDisconnect?: "cancel" | "continue") {
  const client = sdk(proxy.url);
  const { thread_id: threadId } = await client.threads.create();
  const script = flow.model.script(prompt, story);
  const live = send(client, threadId, prompt, { onDisconnect });
  const call = await script.call(0);
  await call.held.opened;
  await expect.poll(() => [...live.shown().values()].join("")).toBe("Once upon a ");
  return { client, threadId, live, call, runId: await live.runId };
}

/** The run's status, once it is no longer what it was. */
const statusOf = async (threadId: string, runId: string) => (await flow.direct.runs.get(threadId, runId)).status;

describe("ON_DISCONNECT=stop", () => {
  let proxy: Listening;
  beforeAll(async () => {
    proxy = await startProxy(inject("langgraphUrl"), { ON_DISCONNECT: "stop", REJOIN_GRACE: "0.4" });
  });
  afterAll(() => proxy.close());

  /** A run is stopped whose reader leaves now: whoever left before it has been gone for longer. */
  async function graceGoesBy(prompt: string): Promise<void> {
    const { live, call } = await inMidText(proxy, prompt, "continue");
    live.hangUp();
    expect((await call.closed.opened).early).toBe(true);
  }

  it("takes a hang-up for a Stop, and keeps the text", async () => {
    const { client, threadId, live, call } = await inMidText(proxy, "hang up for good", "continue");
    live.hangUp();
    expect((await call.closed.opened).early).toBe(true);
    await expect.poll(async () => outline(await conversation(client, threadId).catch(() => []))).toContain(kept);
  });

  it("unless a reader is back in time: a reload", async () => {
    const { client, threadId, live, call, runId } = await inMidText(proxy, "only a reload", "continue");
    live.hangUp();
    await live.ended;
    const back: unknown[] = [];
    const rejoined = (async () => {
      for await (const part of client.runs.joinStream(threadId, runId, { lastEventId: "-1" })) back.push(part);
    })();
    await expect.poll(() => JSON.stringify(back)).toContain("upon ");
    await graceGoesBy("after the reload");
    expect(await statusOf(threadId, runId)).toBe("running");
    call.release();
    await rejoined;
    expect(outline(await conversation(client, threadId))).toEqual([
      "human: only a reload",
      "ai: Once upon a time there was.",
    ]);
  });

  it("also where the reader waits for the answer of a run, and not where a background run never had one", async () => {
    const client = sdk(proxy.url);
    const { thread_id: threadId } = await client.threads.create();
    const script = flow.model.script("left waiting", story);
    const left = new AbortController();
    const input = { messages: [{ role: "user", content: "left waiting" }] };
    const waiting = client.runs.wait(threadId, "agent", { input, signal: left.signal });
    const call = await script.call(0);
    await call.held.opened;
    left.abort();
    await expect(waiting).rejects.toThrow();
    expect((await call.closed.opened).early).toBe(true);

    const background = flow.model.script("in the background", story);
    const { thread_id: other } = await client.threads.create();
    const run = await client.runs.create(other, "agent", {
      input: { messages: [{ role: "user", content: "in the background" }] },
    });
    const itsCall = await background.call(0);
    await itsCall.held.opened;
    await graceGoesBy("beside the background");
    expect(await statusOf(other, run.run_id)).toBe("running");
    itsCall.release();
    await client.runs.join(other, run.run_id);
  });
});

describe("ON_DISCONNECT=continue", () => {
  it("lets a run go on whose reader leaves, though the run said cancel", async () => {
    const proxy = await startProxy(inject("langgraphUrl"), { ON_DISCONNECT: "continue" });
    const { client, threadId, live, call, runId } = await inMidText(proxy, "go on", "cancel");
    live.hangUp();
    await live.ended;
    const metrics = async () => await (await fetch(`${proxy.url}/-/metrics`)).text();
    await expect.poll(metrics).toMatch(/^fermata_streams 0$/m);
    // It would wait for a stop.
    await client.threads.get(threadId);
    expect(await statusOf(threadId, runId)).toBe("running");
    call.release();
    await client.runs.join(threadId, runId);
    expect(outline(await conversation(client, threadId)).at(-1)).toBe("ai: Once upon a time there was.");
    await proxy.close();
  });
});

describe("MULTITASK_DEFAULT=interrupt", () => {
  it("stops and keeps what runs before a message that names no strategy", async () => {
    const proxy = await startProxy(inject("langgraphUrl"), { MULTITASK_DEFAULT: "interrupt" });
    const { client, threadId, live } = await inMidText(proxy, "first of two");
    flow.model.script("second of two", { text: ["Gladly."] });
    await Promise.all([live.ended, send(client, threadId, "second of two").ended]);
    expect(outline(await conversation(client, threadId))).toEqual([
      "human: first of two",
      kept,
      "human: second of two",
      "ai: Gladly.",
    ]);
    await proxy.close();
  });
});

describe("a replica that is shut down", () => {
  it("does not take its own leaving for its readers': the run goes on, and can be joined elsewhere", async () => {
    const proxy = await startProxy(inject("langgraphUrl"));
    const { threadId, live, call, runId } = await inMidText(proxy, "rolling update", "cancel");
    const ended = live.ended.catch((error: Error) => error);
    await proxy.close();
    expect(await statusOf(threadId, runId)).toBe("running");
    live.hangUp();
    call.release();
    await flow.client.runs.join(threadId, runId);
    expect(outline(await conversation(flow.client, threadId)).at(-1)).toBe("ai: Once upon a time there was.");
    await ended;
  });

  it("carries out a stop that is under way", async () => {
    const proxy = await startProxy(inject("langgraphUrl"));
    const { threadId, live } = await inMidText(proxy, "stopped while closing");
    const answered = fetch(`${proxy.url}/threads/${threadId}/stop`, { method: "POST" });
    await expect.poll(async () => (await flow.direct.runs.list(threadId))[0]?.status).not.toBe("running");
    await proxy.close();
    expect(await (await answered).json()).toMatchObject({ outcome: "stopped" });
    // Its client would ask after the run, of a replica that is no longer there.
    live.hangUp();
    expect(outline(await conversation(flow.client, threadId))).toEqual(["human: stopped while closing", kept]);
  });
});
