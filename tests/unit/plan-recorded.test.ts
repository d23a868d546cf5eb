import { describe, expect, it } from "vitest";
import { gatherCut } from "../../proxy/core/cut.ts";
import { nextWrite } from "../../proxy/core/plan.ts";
import { reportOn } from "../../proxy/core/report.ts";
import { fold, recording } from "./recording.ts";
import { asked, expectSound, graphs, spoken, stop } from "./stopped.ts";
import { carryOut, type Graph, line, ThreadSimulator } from "./thread-simulator.ts";

describe("a recorded run that was cut", () => {
  const end = "__end__ ← null";
  const textThen = 'ai "Crème brûlée 🐉 burns" stopped';
  it.each<[string, Graph, string, string[]]>([
    ["in its text (case 20)", graphs.react, "js-text", [`agent ← ${textThen}`]],
    ["in its text, Python", graphs.react, "python-text", [`agent ← ${textThen}`]],
    ["in snapshots", graphs.react, "js-snapshots", ['agent ← ai "Crème brûlée 🐉" stopped']],
    ["in a call's arguments", graphs.react, "js-half-call", ['agent ← ai "Two calls." stopped, call_h1 never-started']],
    ["in one task of tools (cases 12, 14)", graphs.react, "js-one-task", ['tools ← call_1 "one", call_2 cut', end]],
    [
      "in one task of tools, of which nothing is told",
      graphs.react,
      "python-one-task",
      ["tools ← call_1 cut, call_2 cut", end],
    ],
    [
      "in tools run in turn, Python, with events (cases 14, 27)",
      graphs.react,
      "python-events-in-turn",
      ['tools ← call_1 "42", call_2 cut, call_3 never-started', end],
    ],
    [
      "in one task of tools, Python, with events (cases 14, 27)",
      graphs.react,
      "python-events-at-once",
      ['tools ← call_1 "42", call_2 cut, call_3 "This tool call failed: An internal error occurred."', end],
    ],
    ["in tools, a task per call (case 14)", graphs.agentJs, "js-task-per-call", [end, "tools ← call_t2 cut", end]],
    [
      "in tools, a task per call, Python (case 14)",
      graphs.agentPython,
      "python-task-per-call",
      [end, "tools ← call_t2 cut", end],
    ],
    [
      "in a tool beside one that failed (case 27)",
      graphs.react,
      "js-tool-error",
      ['tools ← call_1 "This tool call failed; its error is not known.", call_2 cut', end],
    ],
    [
      "in a subgraph that shares the conversation (case 11)",
      graphs.nested,
      "js-nested",
      ['researcher ← ai "First.", call_n1 "one", ai "Second is" stopped', end],
    ],
    [
      "in a subgraph that shares the conversation, Python (case 11)",
      graphs.nested,
      "python-nested",
      ['researcher ← ai "First.", call_1 "one", ai "Second is" stopped', end],
    ],
    ["in a subgraph with a state of its own", graphs.ownState, "js-own-state", [end]],
    ["in a subgraph with a state of its own, Python", graphs.ownState, "python-own-state", [end]],
    ["in a subagent", graphs.agentJs, "js-subagent", ["tools ← call_task cut", end]],
    ["in a subagent, Python", graphs.agentPython, "python-subagent", ["tools ← call_task cut", end]],
    ["in two models at once", graphs.twoModels, "js-two-models", ['right ← ai "Left is" stopped, ai "Right" stopped']],
    ["in one of two models", graphs.twoModels, "python-two-models-in-a-row", [end, 'right ← ai "Right" stopped']],
    ["in the second of three steps", graphs.pipeline, "python-pipeline", ['review ← ai "A" stopped', end]],
  ])("%s", (_, graph, name, writes) => {
    const planned = stop(graph, name);
    expect(planned.writes).toEqual(writes);
    expectSound(planned);
  });

  it.each([
    ["js-text", []],
    ["js-half-call", []],
    ["js-one-task", ['tools ← call_1 "one", call_2 cut', end]],
    ["js-two-models", []],
  ])("%s, with nothing kept: finished steps alone", (name, writes) => {
    const planned = stop(name === "js-two-models" ? graphs.twoModels : graphs.react, name, { keep: "nothing" });
    expect(planned.writes.filter((write) => write !== end)).toEqual(writes.filter((write) => write !== end));
    expectSound(planned);
  });
});

const recorded: [string, Graph][] = [
  ["js-text", graphs.react],
  ["js-half-call", graphs.react],
  ["js-one-task", graphs.react],
  ["python-task-per-call", graphs.agentPython],
  ["js-nested", graphs.nested],
  ["js-subagent", graphs.agentJs],
  ["js-two-models", graphs.twoModels],
  ["python-pipeline", graphs.pipeline],
];

describe("a stop that is carried out again (case 18)", () => {
  it.each(recorded)("%s: plans nothing, and reports what was cut again", (name, graph) => {
    const { run, state, parts } = recording(name);
    const stopOf = { ...asked, runId: run.run_id };
    const first = stop(graph, name);
    const again = gatherCut(stopOf, run, first.state, fold(parts));
    expect(carryOut(first.thread, again).writes).toEqual([]);
    const marked = spoken(first).filter(({ response_metadata }) => response_metadata?.stopped);
    const cut = gatherCut(stopOf, run, state, fold(parts));
    expect(reportOn(first.state, cut).kept).toEqual(expect.arrayContaining(marked.filter(({ type }) => type === "ai")));
    expect(reportOn(first.state, again).kept).toEqual(marked.filter(({ type }) => type === "ai"));
  });

  it.each(recorded)("%s: goes on after any of its writes, with the same words in the end (case 18)", (name, graph) => {
    const { run, state, parts } = recording(name);
    const whole = stop(graph, name);
    for (let done = 0; done < whole.writes.length; done += 1) {
      const thread = new ThreadSimulator(graph, state);
      const cut = () => gatherCut({ ...asked, runId: run.run_id }, run, thread.read(), fold(parts));
      let left = done;
      const cutShort = cut();
      carryOut(thread, cutShort, (head) => (left-- > 0 ? nextWrite(head, cutShort) : undefined));
      const resumed = { ...carryOut(thread, cut()), thread };
      expect(spoken(resumed).map(line), `after ${done} writes`).toEqual(spoken(whole).map(line));
      expectSound(resumed);
    }
  });
});
