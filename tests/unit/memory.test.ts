import { describe, expect, it } from "vitest";
import { type CutRun, gatherCut, type State, type Task } from "../../proxy/core/cut.ts";
import { cutWithin } from "../../proxy/core/cut-within.ts";
import { isLeftOpen, type Memory, memoriesIn, unseenMemories } from "../../proxy/core/memory.ts";
import type { Message } from "../../proxy/core/message.ts";
import { nextWrite } from "../../proxy/core/plan.ts";
import type { StreamPart } from "../../proxy/core/transcript.ts";
import { fold } from "./recording.ts";
import { asked } from "./stopped.ts";
import { line } from "./thread-simulator.ts";

const human = (id: string): Message => ({ type: "human", id, content: `question ${id}` });
const reply = (id: string, content: string, ...calls: string[]): Message => ({
  type: "ai",
  id,
  content,
  tool_calls: calls.map((call) => ({ id: call, name: "ask", args: {}, type: "tool_call" })),
});
const task = (name: string, state?: object): Task => ({ id: `task ${name}`, name, result: null, state });

/** A graph within, as the state shows it. */
const within = (namespace: string, messages: Message[], tasks: Task[], metadata: object = { run_id: asked.runId }) => ({
  values: { messages },
  next: tasks.map(({ name }) => name),
  tasks,
  metadata: { step: 4, source: "loop", ...metadata },
  checkpoint: { checkpoint_ns: namespace },
});

const root = (messages: Message[], ...tasks: Task[]): State => ({
  values: { messages },
  tasks,
  next: tasks.map(({ name }) => name),
  metadata: { run_id: asked.runId, source: "loop" },
});

const run: CutRun = { created_at: "2026-01-01T00:00:00Z", kwargs: { stream_mode: ["messages-tuple"] } };
const streamed = (id: string, content: string, namespace: string, step: number): StreamPart => ({
  event: "messages",
  data: [
    { type: "AIMessageChunk", id, content },
    { langgraph_checkpoint_ns: namespace, langgraph_step: step },
  ],
});
const transcriptOf = (...parts: StreamPart[]) => fold([{ event: "metadata", data: {} }, ...parts]);

/** What is written in the thread itself, and as which node. */
function written(state: State, ...parts: StreamPart[]) {
  const write = nextWrite(state, gatherCut(asked, run, state, transcriptOf(...parts)));
  return [write?.asNode, ...((write?.values?.messages ?? []) as Message[]).map(line)];
}

/** What is written in the memory. */
function writtenWithin(memory: Memory, ...parts: StreamPart[]) {
  const write = nextWrite(memory.state, cutWithin(memory, asked, run, transcriptOf(...parts)));
  return [write?.asNode, ...((write?.values?.messages ?? []) as Message[]).map(line)];
}

describe("a graph within that remembers", () => {
  const earlier = [human("h1"), reply("m1", "Earlier.")];
  const half = streamed("m2", "Half of it", "specialist|agent:task agent", 5);

  it("is one whose namespace names no task, however deep; not one that the run hasn't been in", () => {
    const inner = within("team|expert", [human("h1")], []);
    const passing = within("team:x", [human("h1")], [task("expert", inner)]);
    expect(memoriesIn(root([], task("team", passing)), asked.runId).map(({ namespace }) => namespace)).toEqual([
      "team|expert",
    ]);
    const idle = within("specialist", earlier, [], { run_id: "another" });
    expect(memoriesIn(root([], task("specialist", idle)), asked.runId)).toEqual([]);
  });

  it("has said what it was cut in, once in the thread and once in its memory", () => {
    const state = within("specialist", [...earlier, human("h2")], [task("agent")]);
    const left = root([...earlier, human("h2")], task("specialist", state));
    expect(written(left, half)).toEqual(["specialist", 'ai "Half of it" stopped']);
    expect(memoriesIn(left, asked.runId).map((memory) => writtenWithin(memory, half))).toEqual([
      ["agent", 'ai "Half of it" stopped'],
    ]);
  });

  it("stands with its answers in both, where its tools were cut", () => {
    const asks = streamed("m2", "I ask.", "specialist|agent:before", 4);
    const state = within("specialist", [...earlier, human("h2"), reply("m2", "I ask.", "c1")], [task("tools")]);
    const left = root([...earlier, human("h2")], task("specialist", state));
    expect(written(left, asks)).toEqual(["specialist", 'ai "I ask."', "c1 cut"]);
    expect(memoriesIn(left, asked.runId).map((memory) => writtenWithin(memory, asks))).toEqual([["tools", "c1 cut"]]);
  });

  it("gives the thread nothing that it has said before it was asked", () => {
    const own = [human("q1"), reply("r1", "What I said then."), human("q2")];
    const state = within("consult", own, [task("agent")]);
    const parts = [streamed("m2", "Half of it", "consult|agent:task agent", 5)];
    expect(written(root([human("h1")], task("consult", state)), ...parts)).toEqual([
      "consult",
      'ai "Half of it" stopped',
    ]);
    const idle = within("consult", own.slice(0, 2), [], { run_id: "another" });
    expect(written(root([human("h1")], task("consult", idle)))).toEqual(["__end__"]);
  });

  it("has said nothing in the conversation once its node is done", () => {
    expect(written(root([human("h1")], task("writer")), half)).toEqual(["__end__"]);
  });

  it("is written to as a node that was cut, where the stream tells the graph alone", () => {
    const state = within("specialist", [human("h1")], [task("model")]);
    const part = streamed("m2", "Half of it", "specialist|some node of it", 5);
    const [memory] = memoriesIn(root([human("h1")], task("specialist", state)), asked.runId);
    expect(memory && writtenWithin(memory, part)).toEqual(["model", 'ai "Half of it" stopped']);
  });
});

describe("a memory that no state shows", () => {
  it("may be where a cut task is that shows no graph", () => {
    const passing = within("team:x", [human("h1")], [task("tools"), { ...task("done"), result: {} }]);
    expect(unseenMemories(root([], task("team", passing), task("tools"), task("tools")))).toEqual([
      "team|tools",
      "tools",
    ]);
  });

  it.each<[string, { more?: Message[]; [field: string]: unknown }, boolean]>([
    ["of the run, with calls at its end", {}, true],
    ["of an earlier run", { metadata: { run_id: "another" } }, false],
    ["of the thread itself, from who knows no namespaces", { checkpoint: { checkpoint_ns: "" } }, false],
    ["with a question behind its calls", { more: [human("h2")] }, false],
  ])("is left open: %s", (_, { more = [], ...fields }, expected) => {
    const state = { ...within("tools", [human("h1"), reply("m1", "I ask.", "c1"), ...more], []), ...fields };
    expect(isLeftOpen(state as State, "tools", asked.runId, "messages")).toBe(expected);
  });
});
