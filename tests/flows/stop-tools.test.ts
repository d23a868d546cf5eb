import { describe, expect, inject, it } from "vitest";
import { conversation, outline, send, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";

const flow = useFlow();

/** Without the server's word for it, a call of a task that had begun may have had effects. */
const exact = inject("server") === "js";

const probe = (id: string) => ({ id, name: "probe", args: ['{"name":', `"${id}"}`] });

const cut = "This tool call was cut off before it returned. It may have had effects; its result is not known.";
const never = "This tool call never started. It had no effects.";

/** A thread whose run has had a probe's answer, and waits for another's. */
async function inTools(graph: string, prompt: string, reply: Reply, answered: string, waiting: string) {
  const { thread_id: threadId } = await flow.client.threads.create();
  flow.model.script(prompt, reply, { text: ["All ", "known."] });
  const live = send(flow.client, threadId, prompt, { graph });
  const [first, second] = [flow.model.probe(answered, "42"), flow.model.probe(waiting)];
  await Promise.all([first.started.opened, second.started.opened]);
  await expect.poll(() => first.answeredAt).toBeDefined();
  // A round trip later the server has read the answer.
  await flow.direct.threads.getState(threadId);
  return { threadId, live, hungUp: second.hungUp.opened };
}

async function goesOn(threadId: string, graph: string, prompt: string) {
  const script = flow.model.script(prompt, { text: ["I see."] });
  await send(flow.client, threadId, prompt, { graph }).ended;
  expect(script.calls).toHaveLength(1);
  expect(outline(await conversation(flow.client, threadId)).at(-1)).toBe("ai: I see.");
}

describe("a run is cut in its tools (cases 12, 14, 27)", () => {
  it("one finished, one running, one never started: three true answers", async () => {
    const prompt = "three fates";
    const calls = [probe("call_1"), probe("call_2"), probe("call_3")];
    const reply = { text: ["Let me see."], calls };
    const { threadId, live, hungUp } = await inTools("sequential_tools", prompt, reply, "call_1", "call_2");
    const { body } = await stop(flow.proxy.url, threadId);
    expect(body).toMatchObject({
      outcome: "stopped",
      kept: [],
      tool_calls: [
        { id: "call_1", name: "probe", fate: exact ? "finished" : "cut" },
        { id: "call_2", name: "probe", fate: "cut" },
        { id: "call_3", name: "probe", fate: exact ? "never-started" : "cut" },
      ],
    });
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages)).toEqual([
      "human: three fates",
      "ai: Let me see.",
      `tool: [call_1] ${exact ? "42" : cut}`,
      `tool: [call_2] ${cut}`,
      `tool: [call_3] ${exact ? never : cut}`,
    ]);
    expect(messages.slice(2).map(({ status }) => status)).toEqual([exact ? "success" : "error", "error", "error"]);
    await Promise.all([live.ended, hungUp]);
    await goesOn(threadId, "sequential_tools", "what happened?");
    expect(flow.model.probe("call_3").startedAt).toBeUndefined();
  });

  it("one task for all calls: the finished result is kept, though the state never had it", async () => {
    const prompt = "one task";
    const reply = { calls: [probe("call_a"), probe("call_b")] };
    const { threadId, live, hungUp } = await inTools("react", prompt, reply, "call_b", "call_a");
    await flow.client.runs.cancel(threadId, await live.runId);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: one task",
      "ai: ",
      `tool: [call_a] ${cut}`,
      `tool: [call_b] ${exact ? "42" : cut}`,
    ]);
    await Promise.all([live.ended, hungUp]);
    await goesOn(threadId, "react", "and then?");
  });

  it("a task per call: finished results stay, answers stand in call order", async () => {
    const prompt = "a task per call";
    const reply = { calls: [probe("call_x"), probe("call_y")] };
    const { threadId, live, hungUp } = await inTools("subagent", prompt, reply, "call_y", "call_x");
    await expect
      .poll(async () => JSON.stringify((await flow.direct.threads.getState(threadId)).tasks))
      .toContain('"content":"42"');
    const { body } = await stop(flow.proxy.url, threadId);
    expect(body.tool_calls.map(({ fate }) => fate)).toEqual(["cut", "finished"]);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: a task per call",
      "ai: ",
      `tool: [call_x] ${cut}`,
      "tool: [call_y] 42",
    ]);
    await Promise.all([live.ended, hungUp]);
    await goesOn(threadId, "subagent", "and now?");
  });

  it("a tool that failed by itself is not called cut off", async () => {
    const failing = flow.model.probe("call_f");
    failing.fail();
    const reply = { calls: [probe("call_f"), probe("call_w")] };
    const { threadId, live, hungUp } = await inTools("react", "one fails", reply, "call_f", "call_w");
    const { body } = await stop(flow.proxy.url, threadId);
    expect(body.tool_calls.map(({ fate }) => fate)).toEqual([exact ? "finished" : "cut", "cut"]);
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages.slice(2))).toEqual([
      `tool: [call_f] ${exact ? "This tool call failed; its error is not known." : cut}`,
      `tool: [call_w] ${cut}`,
    ]);
    await Promise.all([live.ended, hungUp]);
    await goesOn(threadId, "react", "why did it fail?");
  });

  it("rolled back with its text kept, no tool traffic remains", async () => {
    const prompt = "roll back the tools";
    const reply = { text: ["Let me see."], calls: [probe("call_r"), probe("call_s")] };
    const { threadId, live, hungUp } = await inTools("react", prompt, reply, "call_r", "call_s");
    const { body } = await stop(flow.proxy.url, threadId, { action: "rollback" });
    expect(body.tool_calls).toMatchObject([
      { id: "call_r", name: "probe", fate: exact ? "finished" : "cut" },
      { id: "call_s", name: "probe", fate: "cut" },
    ]);
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages)).toEqual(["human: roll back the tools", "ai: Let me see."]);
    expect(messages[1]?.tool_calls ?? []).toEqual([]);
    await Promise.all([live.ended, hungUp]);
    await goesOn(threadId, "react", "after the rollback");
  });
});

describe("a call is cut while it is written", () => {
  it("a call whose arguments had not all streamed is dropped, the text before it stays", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const calls = [probe("call_whole"), { id: "call_half", name: "probe", args: ['{"na', 'me":"x"}'] }];
    const script = flow.model.script("half a call", { text: ["Two ", "calls. "], calls, holdAfter: 7 });
    const live = send(flow.client, threadId, "half a call", { graph: "react" });
    await (await script.call(0)).held.opened;
    await expect.poll(() => live.parts.length).toBeGreaterThan(7);
    const { body } = await stop(flow.proxy.url, threadId);
    expect(body.tool_calls).toEqual([{ id: "call_whole", name: "probe", fate: "never-started" }]);
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages)).toEqual(["human: half a call", "ai: Two calls.", `tool: [call_whole] ${never}`]);
    expect(messages[1]?.tool_calls).toMatchObject([{ id: "call_whole", args: { name: "call_whole" } }]);
    await live.ended;
    await goesOn(threadId, "react", "half a call, then");
  });
});
