import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { textOf } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { heldBack } from "../helpers/faults.ts";
import { startFaultyUpstream } from "../helpers/faulty-upstream.ts";
import { conversation, outline, runStart, sdk, send, useFlow } from "../helpers/flow.ts";
import { gate } from "../helpers/gate.ts";
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

describe("a reader that leaves before it is told the run's id", () => {
  it.each([
    { path: "runs/stream", setting: "stop", onDisconnect: "continue" },
    { path: "runs/stream", setting: "respect", onDisconnect: "cancel" },
    { path: "runs/stream", setting: "respect", onDisconnect: "continue" },
    { path: "runs/wait", setting: "stop", onDisconnect: "continue" },
    { path: "runs/wait", setting: "respect", onDisconnect: "cancel" },
    { path: "runs/wait", setting: "respect", onDisconnect: "continue" },
  ])("has left the run: $path, ON_DISCONNECT=$setting, $onDisconnect", async ({ path, setting, onDisconnect }) => {
    const upstream = await startFaultyUpstream(inject("langgraphUrl"));
    const proxy = await startProxy(upstream.url, { ON_DISCONNECT: setting, REJOIN_GRACE: "0.2" });
    const client = sdk(proxy.url);
    const { thread_id: threadId } = await client.threads.create();
    const prompt = `too early, ${path}, ${setting}, ${onDisconnect}`;
    const script = flow.model.script(prompt, story);
    const answered = gate();
    upstream.fault(`POST /threads/${threadId}/runs/:how`, heldBack(answered));
    const reader = new AbortController();
    const lost = fetch(`${proxy.url}/threads/${threadId}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        assistant_id: "agent",
        input: { messages: [{ role: "user", content: prompt }] },
        on_disconnect: onDisconnect,
      }),
      signal: reader.signal,
    }).catch((error: Error) => error.name);
    const call = await script.call(0);
    await call.held.opened;
    reader.abort();
    expect(await lost).toBe("AbortError");
    answered.open();
    const isStop = setting === "stop" || onDisconnect === "cancel";
    if (isStop) expect((await call.closed.opened).early).toBe(true);
    // When this is answered, that is, too.
    else await client.threads.get(threadId);
    flow.model.script(`after ${prompt}`, { text: ["Gladly."] });
    await send(client, threadId, `after ${prompt}`).ended;
    expect(outline(await conversation(client, threadId))).toEqual([
      `human: ${prompt}`,
      kept,
      `human: after ${prompt}`,
      "ai: Gladly.",
    ]);
    await proxy.close();
    upstream.close();
  });
});

describe("who waits for a run with cancel_on_disconnect, and leaves", () => {
  it("stops it with its text kept, if the server knows that wish, and else nothing", async () => {
    const upstream = await startFaultyUpstream(inject("langgraphUrl"));
    const proxy = await startProxy(upstream.url);
    const { client, threadId, live, call, runId } = await inMidText(proxy, "waited for", "continue");
    const waiter = new AbortController();
    const path = `/threads/${threadId}/runs/${runId}/join?cancel_on_disconnect=True`;
    const waited = fetch(proxy.url + path, { signal: waiter.signal })
      .then((answer) => answer.text())
      .catch((error: Error) => error.name);
    await upstream.came("GET /threads/:t/runs/:r/join");
    waiter.abort();
    expect(await waited).toBe("AbortError");
    // It waits for a stop.
    await client.threads.get(threadId);
    const isPython = inject("server") === "python";
    expect(await statusOf(threadId, runId)).toBe(isPython ? "interrupted" : "running");
    if (isPython) expect(outline(await conversation(flow.direct, threadId))).toEqual(["human: waited for", kept]);
    call.release();
    await live.ended;
    await proxy.close();
    upstream.close();
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
  it.each(["runs/stream", "v2"])(
    "stops and keeps what runs before a message that names no strategy: %s",
    async (way) => {
      const proxy = await startProxy(inject("langgraphUrl"), { MULTITASK_DEFAULT: "interrupt" });
      const { client, threadId, live } = await inMidText(proxy, `first of two, ${way}`);
      const second = `second of two, ${way}`;
      flow.model.script(second, { text: ["Gladly."] });
      const params = { assistant_id: "agent", input: { messages: [{ role: "user", content: second }] } };
      if (way === "v2") await client.runs.join(threadId, await runStart(proxy.url, threadId, params));
      else await send(client, threadId, second).ended;
      await live.ended;
      const messages = await conversation(client, threadId);
      expect(messages.map(({ type, content }) => `${type}: ${textOf(content)}`)).toEqual([
        `human: first of two, ${way}`,
        kept,
        `human: ${second}`,
        "ai: Gladly.",
      ]);
      await proxy.close();
    },
  );
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

  it.each([
    { name: "a reader that leaves meanwhile", setting: "respect", onDisconnect: "cancel" as const },
    { name: "one that it still waits for", setting: "stop", onDisconnect: "continue" as const },
  ])("carries out the Stop of $name", async ({ name, setting, onDisconnect }) => {
    const proxy = await startProxy(inject("langgraphUrl"), { REJOIN_GRACE: "0.4", ON_DISCONNECT: setting });
    const { threadId, live, runId } = await inMidText(proxy, name, onDisconnect);
    const closed = proxy.close(60_000);
    live.hangUp();
    await closed;
    expect(await statusOf(threadId, runId)).toBe("interrupted");
    expect(outline(await conversation(flow.direct, threadId))).toEqual([`human: ${name}`, kept]);
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
