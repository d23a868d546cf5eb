import { describe, expect, inject, it, vi } from "vitest";
import { dropped } from "../helpers/faults.ts";
import { startFaultyUpstream } from "../helpers/faulty-upstream.ts";
import { conversation, outline, sdk, send, stop, useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";

const flow = useFlow();

/** In milliseconds. */
const patience = 20_000;
const story = ["Once ", "upon ", "a ", "time ", "there ", "was "];
const kept = "ai: Once upon a";

/** A run through the proxy of which three tokens were shown. */
async function inMidText(prompt: string, onDisconnect?: "cancel" | "continue") {
  const { thread_id: threadId } = await flow.client.threads.create();
  const script = flow.model.script(prompt, { text: story, holdAfter: 3 });
  const live = send(flow.client, threadId, prompt, { onDisconnect });
  const call = await script.call(0);
  await call.held.opened;
  await vi.waitFor(() => expect([...live.shown().values()].join("")).toBe("Once upon a "), patience);
  return { threadId, live, call, runId: await live.runId };
}

const answered = (prompt: string) => flow.model.script(prompt, { text: ["Gladly."] });

describe.concurrent("double texting (case 26)", () => {
  it.each(["interrupt", "rollback"] as const)("%s: what was shown stays, then the new message", async (strategy) => {
    const { threadId, live } = await inMidText(`first, ${strategy}`);
    answered(`second, ${strategy}`);
    const next = send(flow.client, threadId, `second, ${strategy}`, { multitaskStrategy: strategy });
    await Promise.all([live.ended, next.ended]);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      `human: first, ${strategy}`,
      kept,
      `human: second, ${strategy}`,
      "ai: Gladly.",
    ]);
  });

  it("through runs/wait and as a background run, too", async () => {
    const { threadId, live } = await inMidText("before a wait");
    answered("waiting");
    const input = { messages: [{ role: "user", content: "waiting" }] };
    const values = await flow.client.runs.wait(threadId, "agent", { input, multitaskStrategy: "interrupt" });
    await live.ended;
    expect(JSON.stringify(values)).toContain("Gladly.");
    const script = flow.model.script("again", { text: story, holdAfter: 2 });
    const again = { messages: [{ role: "user", content: "again" }] };
    await flow.client.runs.create(threadId, "agent", { input: again });
    await (await script.call(0)).held.opened;
    answered("background");
    const background = { messages: [{ role: "user", content: "background" }] };
    const run = await flow.client.runs.create(threadId, "agent", { input: background, multitaskStrategy: "interrupt" });
    await flow.client.runs.join(threadId, run.run_id);
    expect(outline(await conversation(flow.client, threadId)).slice(1)).toEqual([
      kept,
      "human: waiting",
      "ai: Gladly.",
      "human: again",
      "ai: Once upon",
      "human: background",
      "ai: Gladly.",
    ]);
  });
});

describe.concurrent("two messages at once that each take the place of what runs (case 19)", () => {
  it.each([
    { gap: 0, through: "one replica" },
    { gap: 30, through: "one replica" },
    { gap: 0, through: "two replicas" },
    { gap: 30, through: "two replicas" },
  ])("both stand, $gap ms apart, through $through", async ({ gap, through }) => {
    const [first, second, third] = ["first", "second", "third"].map((text) => `${text}, ${gap} ms, ${through}`);
    const { threadId, live } = await inMidText(first as string);
    const other = through === "one replica" ? undefined : await startProxy(inject("langgraphUrl"));
    for (const prompt of [second, third]) flow.model.script(prompt as string, { text: ["Glad", "ly."], pace: 200 });
    const ask = (prompt: string, client = flow.client) =>
      send(client, threadId, prompt, { multitaskStrategy: "interrupt" }).ended;
    const one = ask(second as string);
    await new Promise((later) => setTimeout(later, gap));
    await Promise.all([live.ended, one, ask(third as string, other ? sdk(other.url) : flow.client)]);
    const said = outline(await conversation(flow.client, threadId));
    expect(said.slice(0, 2)).toEqual([`human: ${first}`, kept]);
    expect(said.filter((line) => line.startsWith("human: ")).sort()).toEqual(
      [first, second, third].map((text) => `human: ${text}`).sort(),
    );
    expect(said.at(-1)).toBe("ai: Gladly.");
    await other?.close();
  });
});

describe.concurrent("a run that its reader has hung up on", () => {
  it("is stopped and kept before a new message that says no strategy", async () => {
    const { threadId, live, call } = await inMidText("left behind", "continue");
    live.hangUp();
    await live.ended;
    answered("the next, then");
    await send(flow.client, threadId, "the next, then").ended;
    expect((await call.closed.opened).early).toBe(true);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: left behind",
      kept,
      "human: the next, then",
      "ai: Gladly.",
    ]);
  });

  it("goes on if nothing is said, and can be rejoined and stopped then (case 22)", async () => {
    const { threadId, live, runId, call } = await inMidText("reload me", "continue");
    live.hangUp();
    await live.ended;
    const parts: unknown[] = [];
    const rejoined = (async () => {
      for await (const part of flow.client.runs.joinStream(threadId, runId, { lastEventId: "-1" })) parts.push(part);
    })();
    await vi.waitFor(() => expect(JSON.stringify(parts)).toContain("upon "), patience);
    expect(JSON.stringify(parts)).not.toContain("on_tool");
    expect((await stop(flow.proxy.url, threadId)).body.outcome).toBe("stopped");
    await rejoined;
    expect((await call.closed.opened).early).toBe(true);
    expect(outline(await conversation(flow.client, threadId))).toEqual(["human: reload me", kept]);
  });
});

/**
 * Sends a message that never comes to be, through a replica that knows nothing: what that does before is all that
 * is done. Resolves to how often it asked the server for what.
 */
async function lookedAfter(threadId: string, graph: string): Promise<Record<string, number>> {
  const server = await startFaultyUpstream(inject("langgraphUrl"));
  const proxy = await startProxy(server.url);
  const rule = server.fault(`POST /threads/${threadId}/runs/stream`, dropped);
  await expect(send(sdk(proxy.url), threadId, "never mind", { graph }).ended).rejects.toThrow();
  expect(rule.applied).toBe(1);
  await proxy.close();
  server.close();
  return server.callsOf(threadId);
}

describe.concurrent("a thread that was cut past the proxy", () => {
  it("is mended before the next message, with its text and its tools", async () => {
    const { threadId, live, runId } = await inMidText("cut directly");
    await flow.direct.runs.cancel(threadId, runId, true);
    await live.ended;
    answered("are you still there?");
    await send(flow.client, threadId, "are you still there?").ended;
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages)).toEqual(["human: cut directly", kept, "human: are you still there?", "ai: Gladly."]);
    expect(messages[1]?.response_metadata?.stopped).toMatchObject({ run_id: runId, reason: "interrupted" });
  });

  it.each(["one", "two"])(
    "in its tools: two first messages at once mend it once, through %s of the replicas",
    async (through) => {
      const { thread_id: threadId } = await flow.client.threads.create();
      const ids = ["done", "hanging"].map((name) => `heal_${name}_${through}`);
      const [done, hanging] = ids as [string, string];
      const calls = ids.map((id) => ({ id, name: "probe", args: [JSON.stringify({ name: id })] }));
      flow.model.script(`cut in tools, ${through}`, { text: ["Let me ", "see."], calls });
      flow.model.probe(done, "a result");
      const live = send(flow.client, threadId, `cut in tools, ${through}`, { graph: "react" });
      await flow.model.probe(hanging).started.opened;
      await vi.waitFor(() => expect(flow.model.probe(done).answeredAt).toBeDefined(), patience);
      await flow.direct.runs.cancel(threadId, await live.runId, true);
      await live.ended;
      const other = through === "two" ? await startProxy(inject("langgraphUrl")) : undefined;
      const asked = { graph: "react", multitaskStrategy: "enqueue" } as const;
      const ask = (text: string, client = flow.client) => {
        answered(text);
        return send(client, threadId, text, asked).ended;
      };
      await Promise.all([ask(`one, ${through}`), ask(`two, ${through}`, other ? sdk(other.url) : flow.client)]);
      const said = outline(await conversation(flow.client, threadId));
      expect(said.slice(0, 4)).toEqual([
        `human: cut in tools, ${through}`,
        "ai: Let me see.",
        expect.stringContaining(`tool: [${done}] `),
        expect.stringContaining(`tool: [${hanging}] `),
      ]);
      expect(said.slice(4).sort()).toEqual([
        "ai: Gladly.",
        "ai: Gladly.",
        `human: one, ${through}`,
        `human: two, ${through}`,
      ]);
      await other?.close();
    },
  );

  it("costs one look where nothing was cut, another where it was, and is mended once", async () => {
    const { threadId, live, call, runId } = await inMidText("look at me");
    await flow.direct.runs.cancel(threadId, runId, true);
    await Promise.all([live.ended, call.closed.opened]);
    const looks = "GET /threads/:t/runs";
    const write = "POST /threads/:t/state";
    const creation = "POST /threads/:t/runs/stream";
    const mended = await lookedAfter(threadId, "agent");
    expect(mended[looks]).toBeGreaterThanOrEqual(1);
    expect(mended[write]).toBeGreaterThanOrEqual(1);
    const standing = await flow.direct.threads.getState(threadId);
    expect(await lookedAfter(threadId, "agent")).toEqual({ [looks]: 1, "GET /threads/:t/state": 1, [creation]: 1 });
    expect(await flow.direct.threads.getState(threadId)).toEqual(standing);
    answered("look again");
    await send(flow.direct, threadId, "look again").ended;
    expect(await lookedAfter(threadId, "agent")).toEqual({ [looks]: 1, [creation]: 1 });
  });

  it("is left alone with HEAL=off", async () => {
    const { threadId, live, runId } = await inMidText("cut and left");
    await flow.direct.runs.cancel(threadId, runId, true);
    await live.ended;
    const proxy = await startProxy(inject("langgraphUrl"), { HEAL: "off" });
    answered("nothing mended?");
    await send(sdk(proxy.url), threadId, "nothing mended?").ended;
    await proxy.close();
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: cut and left",
      "human: nothing mended?",
      "ai: Gladly.",
    ]);
  });

  /** A thread that waits for a human to approve of a call; another run is then cut past the proxy. */
  async function cutInPause(id: string, cut: (threadId: string) => Promise<void>) {
    const { thread_id: threadId } = await flow.client.threads.create();
    const calls = [{ id, name: "probe", args: [JSON.stringify({ name: id })] }];
    flow.model.script(`approve ${id}`, { calls }, { text: ["I did."] });
    await send(flow.client, threadId, `approve ${id}`, { graph: "approval" }).ended;
    await cut(threadId);
    const statuses = (await flow.direct.runs.list(threadId)).map(({ status }) => status);
    expect(statuses.sort()).toEqual(["interrupted", "success"]);
    return threadId;
  }

  it("an approval that still waits is not mended away, whatever run was cut behind it", async () => {
    const threadId = await cutInPause("waits_on", async (threadId) => {
      const input = { messages: [{ role: "user", content: "and then?" }] };
      const queued = await flow.direct.runs.create(threadId, "approval", { input, afterSeconds: 60 });
      await flow.direct.runs.cancel(threadId, queued.run_id);
    });
    const paused = await flow.direct.threads.getState(threadId);
    expect(paused.tasks[0]?.interrupts).toHaveLength(1);
    await lookedAfter(threadId, "approval");
    expect(await flow.direct.threads.getState(threadId)).toEqual(paused);
    flow.model.probe("waits_on", "yes, indeed");
    await flow.client.runs.wait(threadId, "approval", { command: { resume: "yes" } });
    expect(outline(await conversation(flow.client, threadId)).slice(2)).toEqual([
      "tool: [waits_on] yes, indeed",
      "ai: I did.",
    ]);
  });

  it("an approval that was given, and whose run was cut then, is closed as any other call", async () => {
    const threadId = await cutInPause("given", async (threadId) => {
      const resumed = await flow.direct.runs.create(threadId, "approval", { command: { resume: "yes" } });
      await flow.model.probe("given").started.opened;
      await flow.direct.runs.cancel(threadId, resumed.run_id, true);
    });
    await lookedAfter(threadId, "approval");
    expect(outline(await conversation(flow.direct, threadId)).slice(2)).toEqual([
      expect.stringMatching(/^tool: \[given\] .*may have had effects/),
    ]);
  });

  it("an approval that waits is not mended away", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    flow.model.script(
      "may you?",
      { calls: [{ id: "heal_ask", name: "probe", args: ['{"name":"heal_ask"}'] }] },
      { text: ["I did."] },
    );
    await send(flow.client, threadId, "may you?", { graph: "approval" }).ended;
    expect((await stop(flow.proxy.url, threadId)).body.outcome).toBe("idle");
    const paused = await flow.client.threads.getState(threadId);
    expect(paused.tasks[0]?.interrupts).toHaveLength(1);
    flow.model.probe("heal_ask", "yes, indeed");
    await flow.client.runs.wait(threadId, "approval", { command: { resume: "yes" } });
    expect(outline(await conversation(flow.client, threadId)).slice(2)).toEqual([
      "tool: [heal_ask] yes, indeed",
      "ai: I did.",
    ]);
  });
});
