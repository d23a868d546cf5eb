import { describe, expect, it } from "vitest";
import { type CutRun, gatherCut, type State, type Stop, type Task } from "../../proxy/core/cut.ts";
import { type Message, messagesIn } from "../../proxy/core/message.ts";
import { nextTurnWrite, nextWrite } from "../../proxy/core/plan.ts";
import { reportOn } from "../../proxy/core/report.ts";
import type { StreamPart } from "../../proxy/core/transcript.ts";
import { turnOf } from "../../proxy/core/turn.ts";
import { anthropicViolations } from "../helpers/anthropic-rules.ts";
import { openaiViolations } from "../helpers/openai-rules.ts";
import { toAnthropic, toOpenAI } from "../helpers/wire.ts";
import { fold, type Recording, recording } from "./recording.ts";
import { carryOut, type Graph, line, type Planned, ThreadSimulator } from "./thread-simulator.ts";

const graphs = {
  react: { entry: ["agent"], edges: { agent: "calls", tools: ["agent"] } },
  /** `createAgent` in JS; its model's node is called `model` in Python. */
  agentJs: { entry: ["model_request"], edges: { model_request: "calls", tools: ["model_request"] } },
  agentPython: { entry: ["model"], edges: { model: "calls", tools: ["model"] } },
  nested: { entry: ["researcher"], edges: { researcher: ["writer"], writer: [] } },
  ownState: { entry: ["ask"], edges: { ask: ["notebook"], notebook: ["writer"], writer: [] } },
  twoModels: { entry: ["left", "right"], edges: { left: [], right: [] } },
  pipeline: { entry: ["draft"], edges: { draft: ["review"], review: ["publish"], publish: [] } },
  branches: {
    entry: ["fast", "slow"],
    edges: { fast: ["afterfast"], slow: ["afterslow"], afterfast: [], afterslow: [] },
  },
  approval: { entry: ["agent"], edges: { agent: ["approve"], approve: ["tools"], tools: [] } },
} satisfies Record<string, Graph>;

const asked: Stop = {
  runId: "id-1",
  action: "interrupt",
  keep: "partial",
  reason: "user",
  at: "2026-01-01T00:00:00.000Z",
  preferredKey: "messages",
};

/** Stops a run that was cut so; a recorded one by its name. */
function stop(
  graph: Graph,
  cutRun: string | Recording,
  wish: Partial<Stop> = {},
): Planned & { thread: ThreadSimulator } {
  const { run, state, parts } = typeof cutRun === "string" ? recording(cutRun) : cutRun;
  const thread = new ThreadSimulator(graph, state);
  const cut = gatherCut({ ...asked, runId: run.run_id, ...wish }, run, thread.read(), fold(parts));
  return { ...carryOut(thread, cut), thread };
}

const spoken = ({ state }: Planned, key = "messages") => messagesIn(state.values, key);

function expectSound(planned: Planned, key?: string): void {
  const messages = spoken(planned, key);
  expect(planned.state.next).toEqual([]);
  expect(openaiViolations(messages.map(toOpenAI))).toEqual([]);
  expect(anthropicViolations(toAnthropic(messages))).toEqual([]);
}

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

const human: Message = { type: "human", id: "h1", content: "hello" };
const reply = (id: string, content: string, ...calls: string[]): Message => ({
  type: "ai",
  id,
  content,
  tool_calls: calls.map((call) => ({ id: call, name: "probe", args: {}, type: "tool_call" })),
});
const result = (call: string): Message => ({
  type: "tool",
  id: `answer-${call}`,
  tool_call_id: call,
  name: "probe",
  content: `result of ${call}`,
});
const task = (id: string, name: string, fields: Partial<Task> = {}): Task => ({ id, name, result: null, ...fields });
const said = (id: string, content: string, namespace: string): StreamPart => ({
  event: "messages",
  data: [{ type: "AIMessageChunk", id, content }, { langgraph_checkpoint_ns: namespace }],
});
const began: StreamPart[] = [
  { event: "metadata", data: { run_id: "id-1" } },
  { event: "values", data: {} },
];

interface Made extends Partial<State> {
  messages?: Message[];
  parts?: StreamPart[];
  input?: unknown;
}

function made({ messages = [human], parts = began, input, tasks = [], ...state }: Made): Recording {
  const run: CutRun & { run_id: string } = {
    run_id: "id-1",
    created_at: "2026-01-01T00:00:00.000Z",
    kwargs: { input: input ?? { messages: [human] }, stream_mode: ["values", "messages-tuple"] },
  };
  const next = [...new Set(tasks.map(({ name }) => name))];
  return { run, parts, state: { values: { messages }, next, tasks, metadata: { run_id: "id-1" }, ...state } };
}

describe("a run that was cut", () => {
  it("before its first token: what the user said stays, nothing is added (case 19)", () => {
    const planned = stop(graphs.react, made({ tasks: [task("t1", "agent")] }));
    expect(planned.writes).toEqual(["__end__ ← null"]);
    expect(spoken(planned)).toEqual([human]);
  });

  it("before it wrote its input: it is written (case 19)", () => {
    const queued = made({
      messages: [],
      parts: [{ event: "metadata", data: {} }],
      input: { messages: [{ role: "user", content: "hello" }], topic: "x" },
      metadata: null,
    });
    const planned = stop(graphs.react, queued);
    expect(planned.writes).toEqual(['__start__ ← human "hello"', "__end__ ← null"]);
    expect(planned.state.values).toMatchObject({ topic: "x" });
    expect(stop(graphs.react, { ...queued, state: planned.state }).writes).toEqual([]);
  });

  it("while it was queued behind another's turn: its input comes after that turn", () => {
    const before = [human, reply("a1", "Hi.")];
    const queued = made({
      messages: before,
      parts: [],
      input: { messages: ["and now?"] },
      metadata: { run_id: "id-0" },
      created_at: "2025-12-31T00:00:00.000Z",
    });
    const planned = stop(graphs.react, queued);
    expect(spoken(planned).slice(0, 2)).toEqual(before);
    expect(spoken(planned).slice(2).map(line)).toEqual(['human "and now?"']);
  });

  it("while paused for approval: the approval stays", () => {
    const paused = made({
      messages: [human, reply("a1", "May I?", "c1")],
      tasks: [task("t1", "approve", { interrupts: [{ value: "may I?" }] })],
    });
    const planned = stop(graphs.approval, paused);
    expect(planned.writes).toEqual([]);
    expect(planned.state.next).toEqual(["approve"]);
  });

  it("in a graph without a conversation: what is pending is let go", () => {
    const plain = made({ values: { topic: "x" }, input: { topic: "x" }, tasks: [task("t1", "draft")] });
    const planned = stop(graphs.pipeline, plain);
    expect(planned.writes).toEqual(["__end__ ← null"]);
    expect(planned.state.values).toEqual({ topic: "x" });
  });

  it("under another key than `messages`", () => {
    const other = made({
      values: { dialogue: [human], mood: "good" },
      input: { dialogue: [human] },
      tasks: [task("t1", "agent")],
      parts: [...began, said("m1", "Hi the", "agent:t1")],
    });
    const planned = stop(graphs.react, other);
    expect(planned.writes).toEqual(['agent ← ai "Hi the" stopped']);
    expect(planned.state.values).toMatchObject({ mood: "good" });
    expectSound(planned, "dialogue");
  });

  it("beside a branch that had finished: its result stays, none of what would follow runs", () => {
    const fast: Message = reply("f1", "Fast.");
    const branches = made({
      tasks: [task("t1", "fast", { result: { messages: [fast] } }), task("t2", "slow")],
      parts: [...began, said("s1", "Slow i", "slow:t2")],
    });
    const planned = stop(graphs.branches, branches);
    expect(planned.writes).toEqual(["__end__ ← null", 'slow ← ai "Slow i" stopped', "__end__ ← null"]);
    expect(spoken(planned).map(({ id }) => id)).toEqual(["h1", "f1", "s1"]);
    expectSound(planned);
  });

  it("with answers in another order than the calls: they are put in order, results as they were (case 14)", () => {
    const outOfOrder = made({
      messages: [human, reply("a1", "I ask.", "c1", "c2", "c3")],
      tasks: [task("t1", "tools"), task("t2", "tools"), task("t3", "tools", { result: { messages: [result("c3")] } })],
    });
    const planned = stop(graphs.agentPython, outOfOrder);
    expect(planned.writes[0]).toBe("__end__ ← null");
    expect(spoken(planned).slice(2).map(line)).toEqual(["c1 cut", "c2 cut", 'c3 "result of c3"']);
    expectSound(planned);
  });

  it("with its end streamed, but not stored: it is stored as it was, unmarked (case 6)", () => {
    const last: StreamPart = {
      event: "messages",
      data: [
        { type: "AIMessageChunk", id: "m1", content: "", chunk_position: "last" },
        { langgraph_checkpoint_ns: "agent:t1" },
      ],
    };
    const parts = [...began, said("m1", "Done. ", "agent:t1"), last];
    const planned = stop(graphs.react, made({ tasks: [task("t1", "agent")], parts }));
    expect(spoken(planned).map(line)).toEqual(['human "hello"', 'ai "Done. "']);
  });

  it("with a head that is missing says so", () => {
    const parts = [said("m1", "the rest", "agent:t1")];
    const planned = stop(graphs.react, made({ tasks: [task("t1", "agent")], parts }));
    expect(spoken(planned).at(-1)?.response_metadata).toMatchObject({ stopped: { truncated: true } });
  });

  it("keeps its marker out of the content (case 16)", () => {
    const last = spoken(stop(graphs.react, "js-text")).at(-1);
    expect(last?.content).toBe("Crème brûlée 🐉 burns");
    expect(last?.response_metadata?.stopped).toEqual({
      run_id: expect.any(String),
      at: asked.at,
      action: "interrupt",
      reason: "user",
    });
  });
});

describe("a thread that was wedged behind our back", () => {
  it("has its open calls answered where they stand, though more was said since (cases 12, 13)", () => {
    const late: Message = { type: "human", id: "h2", content: "still there?" };
    const wedged = made({
      messages: [human, reply("a1", "I ask.", "c1", "c2"), result("c2"), late],
      tasks: [task("t1", "agent")],
    });
    const planned = stop(graphs.react, wedged, { reason: "error" });
    expect(spoken(planned).map(line)).toEqual([
      'human "hello"',
      'ai "I ask."',
      "c1 cut",
      'c2 "result of c2"',
      'human "still there?"',
    ]);
    expectSound(planned);
  });

  it("is left alone where it is whole", () => {
    const whole = made({ messages: [human, reply("a1", "I ask.", "c1"), result("c1"), reply("a2", "Done.")] });
    expect(stop(graphs.react, whole).writes).toEqual([]);
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

describe("a rollback", () => {
  const rolledBack = (graph: Graph, name: string, wish: Partial<Stop> = {}) => {
    const { run, state, parts } = recording(name);
    const cut = gatherCut({ ...asked, runId: run.run_id, action: "rollback", ...wish }, run, state, fold(parts));
    const thread = new ThreadSimulator(graph, { values: {}, tasks: [] });
    const turn = turnOf(state, [], run.kwargs?.input, cut);
    return carryOut(thread, cut, (head) => nextTurnWrite(head, cut, turn));
  };

  it.each<[string, Graph, string[]]>([
    ["js-text", graphs.react, ['human "text"', 'ai "Crème brûlée 🐉 burns" stopped']],
    ["js-half-call", graphs.react, ['human "half-call"', 'ai "Two calls." stopped']],
    ["js-one-task", graphs.react, ['human "one-task"', 'ai "Two calls."']],
    ["js-tool-error", graphs.react, ['human "tool-error"']],
    ["js-subagent", graphs.agentJs, ['human "subagent"', 'ai "I delegate."']],
    ["js-nested", graphs.nested, ['human "nested"', 'ai "First."', 'ai "Second is" stopped']],
    ["js-two-models", graphs.twoModels, ['human "two-models"', 'ai "Left is" stopped', 'ai "Right" stopped']],
    ["python-pipeline", graphs.pipeline, ['human "pipeline"', 'ai "A draft."', 'ai "A" stopped']],
  ])("%s leaves plain conversation", (name, graph, messages) => {
    const planned = rolledBack(graph, name);
    expect(spoken(planned).map(line)).toEqual(messages);
    expect(spoken(planned).filter(({ tool_calls }) => tool_calls?.length)).toEqual([]);
    expectSound(planned);
  });

  it("that keeps nothing writes nothing", () => {
    expect(rolledBack(graphs.react, "js-text", { keep: "nothing" }).writes).toEqual([]);
  });
});
