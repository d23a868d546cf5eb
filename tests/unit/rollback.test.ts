import { describe, expect, it } from "vitest";
import { gatherCut, type Stop, type Task } from "../../proxy/core/cut.ts";
import type { Message } from "../../proxy/core/message.ts";
import { answered, nextTurnWrite } from "../../proxy/core/plan.ts";
import { reportOn } from "../../proxy/core/report.ts";
import { turnOf } from "../../proxy/core/turn.ts";
import { fold, recording } from "./recording.ts";
import { asked, expectSound, graphs, spoken } from "./stopped.ts";
import { carryOut, type Graph, line, ThreadSimulator } from "./thread-simulator.ts";

describe("a rollback", () => {
  const rolledBack = (graph: Graph, name: string, wish: Partial<Stop> = {}) => {
    const { run, state, parts } = recording(name);
    const cut = gatherCut({ ...asked, runId: run.run_id, action: "rollback", ...wish }, run, state, fold(parts));
    const thread = new ThreadSimulator(graph, { values: {}, tasks: [] });
    const turn = turnOf(state, [], run.kwargs?.input, cut);
    return carryOut(thread, cut, (head) => nextTurnWrite(head, cut, [], turn));
  };

  it.each<[string, Graph, string[]]>([
    ["js-text", graphs.react, ['human "text"', 'ai "Crème brûlée 🐉 burns" stopped']],
    ["js-half-call", graphs.react, ['human "half-call"', 'ai "Two calls." stopped']],
    ["js-one-task", graphs.react, ['human "one-task"', 'ai "Two calls."']],
    ["js-tool-error", graphs.react, ['human "tool-error"']],
    ["js-subagent", graphs.agentJs, ['human "subagent"', 'ai "I delegate."']],
    ["js-nested", graphs.nested, ['human "nested"', 'ai "First."', 'ai "Second is" stopped']],
    ["js-two-models", graphs.twoModels, ['human "two-models"', 'ai "Left is" stopped', 'ai "Right" stopped']],
    ["js-own-state", graphs.ownState, ['human "own-state"']],
    ["python-own-state", graphs.ownState, ['human "own-state"']],
    ["python-pipeline", graphs.pipeline, ['human "pipeline"', 'ai "A draft."', 'ai "A" stopped']],
  ])("%s leaves plain conversation", (name, graph, messages) => {
    const planned = rolledBack(graph, name);
    expect(spoken(planned).map(line)).toEqual(messages);
    expect(spoken(planned).filter(({ tool_calls }) => tool_calls?.length)).toEqual([]);
    expectSound(planned);
  });

  it.each([
    ["js-one-task", ["finished", "cut"]],
    ["js-half-call", ["never-started"]],
  ])("%s can still tell what became of each call", (name, fates) => {
    const { run, state, parts } = recording(name);
    const cut = gatherCut({ ...asked, runId: run.run_id, action: "rollback" }, run, state, fold(parts));
    expect(reportOn(answered(state, cut), cut).tool_calls.map(({ fate }) => fate)).toEqual(fates);
  });

  it("that keeps nothing writes nothing", () => {
    expect(rolledBack(graphs.react, "js-text", { keep: "nothing" }).writes).toEqual([]);
  });

  it("of a graph without a conversation has nothing to write back, whatever was streamed", () => {
    const { run, state, parts } = recording("js-text");
    const without = { ...state, values: { topic: "tea" } };
    const asking = { ...run, kwargs: { input: { topic: "tea" } } };
    const cut = gatherCut({ ...asked, runId: run.run_id, action: "rollback" }, asking, without, fold(parts));
    expect(cut.messagesKey).toBeUndefined();
    expect(turnOf(without, [], asking.kwargs.input, cut)).toEqual([]);
  });

  it("of a run that went on from a pause keeps what its tools came to, or their calls would stay open", () => {
    const { run, state, parts } = recording("js-text");
    const resumed = { ...run, kwargs: { command: { resume: "yes" } } };
    const cut = gatherCut({ ...asked, runId: run.run_id, action: "rollback" }, resumed, state, fold(parts));
    const pause = { id: "task", name: "tools", interrupts: [{}] };
    const next = (tasks: Task[], at: string[]) => nextTurnWrite({ values: {}, tasks, next: at }, cut, [], []);
    const letGo = { values: null, asNode: "__end__" };
    expect(next([{ ...pause, result: { messages: [] } }], [])).toEqual(letGo);
    expect(next([{ id: "later", name: "agent" }], ["agent"])).toEqual(letGo);
    expect(next([pause], ["tools"])).toBeUndefined();
  });
});

describe("the turn that is written back", () => {
  const human = (id: string, content: string): Message => ({ type: "human", id, content });
  const reply = (id: string, content: string, ...calls: string[]): Message => ({
    type: "ai",
    id,
    content,
    tool_calls: calls.map((call) => ({ id: call, name: "pick", args: {} })),
  });
  const half = {
    event: "messages",
    data: [{ type: "AIMessageChunk", id: "m1", content: "Half" }, { langgraph_checkpoint_ns: "agent:t1" }],
  };

  /** The thread afterwards, and whether providers take it. */
  function after(before: Message[], stored: Message[], input: unknown): string[] {
    const run = { created_at: "2026-01-01T00:00:00Z", kwargs: { input } };
    const state = { values: { messages: stored }, next: ["agent"], tasks: [{ id: "t1", name: "agent" }] };
    const cut = gatherCut({ ...asked, action: "rollback" }, run, state, fold([{ event: "metadata", data: {} }, half]));
    const turn = turnOf(state, before, input, cut);
    const thread = new ThreadSimulator(graphs.react, { values: { messages: before }, tasks: [] });
    const planned = carryOut(thread, cut, (head) => nextTurnWrite(head, cut, before, turn));
    expectSound(planned);
    return spoken(planned).map(line);
  }

  it("has what the user said, and no words that the graph put into the user's mouth", () => {
    const before = [human("h1", "hello"), reply("a1", "Hi.")];
    const summary = human("s1", "Here is a summary of the conversation to date: …");
    const critique = human("c1", "Your draft is too long.");
    const stored = [summary, human("h2", "and now?"), reply("d1", "A draft."), critique];
    const expected = ['human "hello"', 'ai "Hi."', 'human "and now?"', 'ai "A draft."', 'ai "Half" stopped'];
    expect(after(before, stored, { messages: [{ role: "user", content: "and now?" }] })).toEqual(expected);
    expect(after(before, stored, { messages: [human("h2", "and now?")] })).toEqual(expected);
    expect(after(before, [summary], { messages: ["and now?"] }).slice(2)).toEqual([
      'human "and now?"',
      'ai "Half" stopped',
    ]);
  });

  it("has the answers that the client gave to calls of before (case 12)", () => {
    const before = [human("h1", "hello"), reply("a1", "Pick.", "f1")];
    const chosen: Message = { type: "tool", id: "c1", tool_call_id: "f1", content: "the red one" };
    const late: Message = { ...chosen, id: "c2", tool_call_id: "unknown" };
    const input = { messages: [chosen, { role: "user", content: "and fast" }] };
    expect(after(before, [...before, chosen, human("h2", "and fast")], input).slice(2)).toEqual([
      'f1 "the red one"',
      'human "and fast"',
      'ai "Half" stopped',
    ]);
    expect(after(before, [...before, chosen], { messages: [chosen, late] }).slice(2)).toEqual([
      'f1 "the red one"',
      'ai "Half" stopped',
    ]);
  });

  it("has what the graph made of an input that is no conversation", () => {
    const stored = [human("q1", "What is tea?")];
    expect(after([], stored, { question: "What is tea?", messages: [] })).toEqual([
      'human "What is tea?"',
      'ai "Half" stopped',
    ]);
  });

  it("has what the client itself said for the assistant, where it was said", () => {
    const input = { messages: [{ role: "assistant", content: "Welcome." }, "hello"] };
    const before = [human("h0", "open")];
    const stored = [...before, reply("w1", "Welcome."), human("h1", "hello")];
    expect(after(before, stored, input).slice(1)).toEqual(['ai "Welcome."', 'human "hello"', 'ai "Half" stopped']);
  });
});
