import { describe, expect, inject, it, vi } from "vitest";
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

  it("in its tools: two first messages at once mend it once", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const calls = ["done", "hanging"].map((name) => ({
      id: `heal_${name}`,
      name: "probe",
      args: [`{"name":"heal_${name}"}`],
    }));
    flow.model.script("cut in tools", { calls });
    flow.model.probe("heal_done", "a result");
    const live = send(flow.client, threadId, "cut in tools", { graph: "react" });
    await flow.model.probe("heal_hanging").started.opened;
    await vi.waitFor(() => expect(flow.model.probe("heal_done").answeredAt).toBeDefined(), patience);
    await flow.direct.runs.cancel(threadId, await live.runId, true);
    await live.ended;
    answered("one");
    answered("two");
    const ask = (text: string) =>
      send(flow.client, threadId, text, { graph: "react", multitaskStrategy: "enqueue" }).ended;
    await Promise.all([ask("one"), ask("two")]);
    const messages = await conversation(flow.client, threadId);
    expect(messages.filter(({ type }) => type === "tool").map(({ tool_call_id }) => tool_call_id)).toEqual([
      "heal_done",
      "heal_hanging",
    ]);
    expect(outline(messages).filter((line) => line === "ai: Gladly.")).toHaveLength(2);
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

describe("a client that looks right after its Stop (case 7)", () => {
  it.each([0, 20, 60])("sends cancel without waiting and reads %d ms later", async (milliseconds) => {
    const { threadId, live, runId } = await inMidText(`look ${milliseconds}`);
    const cancelled = flow.client.runs.cancel(threadId, runId);
    // The client's own pace is what is tested here.
    await new Promise((later) => setTimeout(later, milliseconds));
    expect(outline(await conversation(flow.client, threadId))).toEqual([`human: look ${milliseconds}`, kept]);
    await Promise.all([cancelled, live.ended]);
  });

  it("hangs up with on_disconnect: cancel and reads at once", async () => {
    const { threadId, live } = await inMidText("hang up and look", "cancel");
    live.hangUp();
    const [history] = await flow.client.threads.getHistory(threadId, { limit: 1 });
    expect(JSON.stringify(history?.values)).toContain("Once upon a");
    await live.ended;
  });
});
