import { describe, expect, it } from "vitest";
import { conversation, outline, send, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";

const flow = useFlow();

const calculate = (id: string) => ({ id, name: "calculate", args: ['{"expression":', '"6*7"}'] });
const wait = (id: string) => ({ id, name: "wait", args: ['{"seconds":60}'] });

const cut = "This tool call was cut off before it returned. It may have had effects; its result is not known.";
const never = "This tool call never started. It had no effects.";

/** A thread whose run has finished one tool and waits in another. */
async function inTools(graph: string, prompt: string, reply: Reply) {
  const { thread_id: threadId } = await flow.client.threads.create();
  flow.model.script(prompt, reply, { text: ["All ", "known."] });
  const live = send(flow.client, threadId, prompt, { graph, streamMode: ["values", "messages-tuple", "tools"] });
  const toolEvents = (event: string) => live.parts.filter(({ data }) => (data as { event?: string }).event === event);
  await expect.poll(() => toolEvents("on_tool_end").length).toBe(1);
  await expect.poll(() => toolEvents("on_tool_start").length).toBeGreaterThan(1);
  return { threadId, live };
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
    const calls = [calculate("call_1"), wait("call_2"), calculate("call_3")];
    const { threadId, live } = await inTools("sequential_tools", prompt, { text: ["Let me see."], calls });
    const { body } = await stop(flow.proxy.url, threadId);
    expect(body).toMatchObject({
      outcome: "stopped",
      kept: [],
      tool_calls: [
        { id: "call_1", name: "calculate", fate: "finished" },
        { id: "call_2", name: "wait", fate: "cut" },
        { id: "call_3", name: "calculate", fate: "never-started" },
      ],
    });
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages)).toEqual([
      "human: three fates",
      "ai: Let me see.",
      "tool: [call_1] 42",
      `tool: [call_2] ${cut}`,
      `tool: [call_3] ${never}`,
    ]);
    expect(messages.slice(2).map(({ status }) => status)).toEqual(["success", "error", "error"]);
    await live.ended;
    await goesOn(threadId, "sequential_tools", "what happened?");
  });

  it("one task for all calls: the finished result is kept, though the state never had it", async () => {
    const prompt = "one task";
    const { threadId, live } = await inTools("agent", prompt, { calls: [wait("call_a"), calculate("call_b")] });
    await flow.client.runs.cancel(threadId, await live.runId);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: one task",
      "ai: ",
      `tool: [call_a] ${cut}`,
      "tool: [call_b] 42",
    ]);
    await live.ended;
    await goesOn(threadId, "agent", "and then?");
  });

  it("a task per call: finished results stay, answers stand in call order", async () => {
    const prompt = "a task per call";
    const { threadId, live } = await inTools("deep_agent", prompt, { calls: [wait("call_x"), calculate("call_y")] });
    const { body } = await stop(flow.proxy.url, threadId);
    expect(body.tool_calls.map(({ fate }) => fate)).toEqual(["cut", "finished"]);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: a task per call",
      "ai: ",
      `tool: [call_x] ${cut}`,
      "tool: [call_y] 42",
    ]);
    await live.ended;
    await goesOn(threadId, "deep_agent", "and now?");
  });

  it("a tool that failed by itself is not called cut off", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const failing = { id: "call_f", name: "current_time", args: ['{"time_zone":"Nowhere/Land"}'] };
    flow.model.script("one fails", { calls: [failing, wait("call_w")] });
    const live = send(flow.client, threadId, "one fails", { streamMode: ["values", "messages-tuple", "tools"] });
    const events = () => live.parts.map(({ data }) => (data as { event?: string }).event);
    await expect.poll(events).toContain("on_tool_error");
    await expect.poll(() => events().filter((event) => event === "on_tool_start").length).toBe(2);
    const { body } = await stop(flow.proxy.url, threadId);
    expect(body.tool_calls.map(({ fate }) => fate)).toEqual(["finished", "cut"]);
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages.slice(2))).toEqual([
      "tool: [call_f] This tool call failed; its error is not known.",
      `tool: [call_w] ${cut}`,
    ]);
    await live.ended;
    await goesOn(threadId, "agent", "why did it fail?");
  });

  it("rolled back with its text kept, no tool traffic remains", async () => {
    const prompt = "roll back the tools";
    const reply = { text: ["Let me see."], calls: [calculate("call_r"), wait("call_s")] };
    const { threadId, live } = await inTools("agent", prompt, reply);
    await stop(flow.proxy.url, threadId, { action: "rollback" });
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages)).toEqual(["human: roll back the tools", "ai: Let me see."]);
    expect(messages[1]?.tool_calls ?? []).toEqual([]);
    await live.ended;
    await goesOn(threadId, "agent", "after the rollback");
  });
});

describe("a call is cut while it is written", () => {
  it("a call whose arguments had not all streamed is dropped, the text before it stays", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const calls = [calculate("call_whole"), { id: "call_half", name: "wait", args: ['{"seco', 'nds":1}'] }];
    const script = flow.model.script("half a call", { text: ["Two ", "calls. "], calls, holdAfter: 7 });
    const live = send(flow.client, threadId, "half a call");
    await (await script.call(0)).held.opened;
    await expect.poll(() => live.parts.length).toBeGreaterThan(7);
    const { body } = await stop(flow.proxy.url, threadId);
    expect(body.tool_calls).toEqual([{ id: "call_whole", name: "calculate", fate: "never-started" }]);
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages)).toEqual(["human: half a call", "ai: Two calls.", `tool: [call_whole] ${never}`]);
    expect(messages[1]?.tool_calls).toMatchObject([{ id: "call_whole", args: { expression: "6*7" } }]);
    await live.ended;
    await goesOn(threadId, "agent", "half a call, then");
  });
});
