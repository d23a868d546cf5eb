import { describe, expect, it } from "vitest";
import { isTool, type Message } from "../../proxy/core/message.ts";
import { begin, cut, exact, goesOn, type How, spoken } from "../helpers/cell.ts";
import { send, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";
import { messagesOf, shapeOf } from "../helpers/shapes.ts";

const flow = useFlow();

const keep: How = { action: "interrupt", keep: "partial" };
const half: Reply = { text: ["Half ", "of ", "it"], holdAfter: 2 };
const asks = (tool: string, id: string): Reply => ({
  text: ["Let me ask."],
  calls: [{ id, name: tool, args: [JSON.stringify({ name: id })] }],
});
const answersIn = (messages: Message[]) => messages.filter(isTool).map(({ content }) => String(content));
const cutOff = /^This tool call was cut off before it returned\. It may have had effects/;

describe.concurrent("graphs that go their own ways", () => {
  it("a tool that is a plain function runs: it may have had effects (case 27)", async () => {
    const turn = await begin(flow, shapeOf("hand_tools"), "by hand", { agent: [asks("probe", "by_hand")] });
    const probe = flow.model.probe("by_hand");
    await probe.started.opened;
    const { body, left } = await cut(flow, turn, keep);
    expect(body.tool_calls).toEqual([{ id: "by_hand", name: "probe", fate: "cut" }]);
    expect(answersIn(left)).toEqual([expect.stringMatching(cutOff)]);
    await probe.hungUp.opened;
  });

  it("a tool that failed is tried again: it runs, and has not finished (case 27)", async () => {
    const probe = flow.model.probe("again");
    probe.failsFirst = true;
    const turn = await begin(flow, shapeOf("retrying"), "try again", { agent: [asks("probe", "again")] });
    await probe.startedAgain.opened;
    const { body, left } = await cut(flow, turn, keep);
    expect(body.tool_calls).toEqual([{ id: "again", name: "probe", fate: "cut" }]);
    expect(answersIn(left)).toEqual([expect.stringMatching(cutOff)]);
  });

  it("what a graph within has renamed or rewritten stands once, as it has it (case 18)", async () => {
    const turn = await begin(flow, shapeOf("renaming"), "rename", {
      first: [{ text: ["First ", "said."] }],
      second: [{ text: ["My ", "secret."] }],
      third: [half],
    });
    await (await turn.scripts.get("third")?.call(0))?.held.opened;
    const { left } = await cut(flow, turn, keep);
    expect(spoken(left)).toEqual(["First said.", "My ***.", "Half of"]);
  });

  it.each(["model_in_tool", "nested_model_in_tool"])(
    "a model that speaks inside of a tool, in %s (case 11)",
    async (graph) => {
      const id = `inside_${graph}`;
      const expert = flow.model.script(id, half);
      const turn = await begin(flow, shapeOf(graph), id.replace("_", " "), { agent: [asks("ask", id)] });
      await (await expert.call(0)).held.opened;
      const { body, left } = await cut(flow, turn, keep);
      expect(body.tool_calls).toMatchObject([{ id, fate: "cut" }]);
      expect(spoken(left)).toEqual(["Let me ask."]);
    },
  );

  it("a node that runs the calls by itself, and then speaks", async () => {
    flow.model.probe("acted", "a result");
    const replies = { agent: [asks("probe", "acted")], answer: [half] };
    const turn = await begin(flow, shapeOf("act_and_answer"), "act", replies);
    await (await turn.scripts.get("answer")?.call(0))?.held.opened;
    const { left } = await cut(flow, turn, keep);
    // Where nothing is told of tools, it might as well be a model that speaks inside of one.
    expect(spoken(left)).toEqual(["Let me ask.", ...(exact() ? ["Half of"] : [])]);
  });

  it("a model whose words nobody is shown, whatever the client asks for", async () => {
    const shape = shapeOf("guarded");
    const { thread_id: threadId } = await flow.client.threads.create();
    const script = flow.model.script("guard: is it safe?", half);
    const live = send(flow.client, threadId, "is it safe?", { graph: "guarded", streamMode: ["messages"] });
    await (await script.call(0)).held.opened;
    await stop(flow.proxy.url, threadId);
    await live.ended;
    expect(JSON.stringify(live.parts)).not.toContain("Half");
    const { values } = await flow.client.threads.getState(threadId);
    expect(spoken(messagesOf(shape, values))).toEqual([]);
    await goesOn(flow, shape, threadId, "and now?");
  });

  it("a conversation that is only ever added to, wedged behind our back, grows no further (case 12)", async () => {
    const shape = shapeOf("append_only");
    const turn = await begin(flow, shape, "append", { agent: [asks("probe", "appended")] });
    await flow.model.probe("appended").started.opened;
    const runId = await turn.live.runId;
    await flow.direct.runs.cancel(turn.threadId, runId, true);
    const late = { messages: [{ type: "human", id: "late", content: "still there?" }] };
    await flow.direct.threads.updateState(turn.threadId, { values: late, asNode: "tools" });
    const before = await flow.direct.threads.getState(turn.threadId);
    for (let times = 0; times < 2; times += 1) await stop(flow.proxy.url, turn.threadId, { run_id: runId });
    const after = await flow.direct.threads.getState(turn.threadId);
    expect(messagesOf(shape, after.values)).toEqual(messagesOf(shape, before.values));
  });
});
