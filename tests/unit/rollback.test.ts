import { describe, expect, it } from "vitest";
import { gatherCut, type Stop, type Task } from "../../proxy/core/cut.ts";
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
