import { describe, expect, it } from "vitest";
import { gatherCut, type State, type Task } from "../../proxy/core/cut.ts";
import type { Message } from "../../proxy/core/message.ts";
import { nextWrite } from "../../proxy/core/plan.ts";
import type { StreamPart } from "../../proxy/core/transcript.ts";
import { fold } from "./recording.ts";
import { asked } from "./stopped.ts";
import { line } from "./thread-simulator.ts";

const human: Message = { type: "human", id: "h1", content: "hello" };
const reply = (id: string, content: string, ...calls: string[]): Message => ({
  type: "ai",
  id,
  content,
  tool_calls: calls.map((call) => ({ id: call, name: "ask", args: {}, type: "tool_call" })),
});
const result = (call: string): Message => ({ type: "tool", id: `of ${call}`, tool_call_id: call, content: "one" });

/** A graph within: what it has said, and what it was doing. */
const inner = (messages: Message[], tasks: Task[], step = 1) => ({
  values: { messages: [human, ...messages] },
  tasks,
  metadata: { step },
});
const task = (id: string, name: string, state?: object): Task => ({ id, name, result: null, state });

/** A whole reply, or the beginning of one, as it was streamed. */
const said = (id: string, content: string, namespace: string, step?: number, fields: object = {}): StreamPart => ({
  event: "messages",
  data: [
    { type: "AIMessageChunk", id, content, ...fields },
    { langgraph_checkpoint_ns: namespace, ...(step === undefined ? {} : { langgraph_step: step }) },
  ],
});
const whole = { chunk_position: "last" };

interface Left {
  messages?: Message[];
  tasks: Task[];
  parts: StreamPart[];
  modes?: string[];
  metadata?: Record<string, unknown>;
}

/** What is written of it, in one line a message. */
function written({ messages = [human], tasks, parts, modes = [], metadata = { source: "loop" } }: Left): string[] {
  const state: State = {
    values: { messages },
    tasks,
    next: [...new Set(tasks.map(({ name }) => name))],
    metadata: { run_id: "id-1", ...metadata },
  };
  const run = { created_at: "2026-01-01T00:00:00Z", kwargs: { stream_mode: ["messages-tuple", ...modes] } };
  const cut = gatherCut(asked, run, state, fold([{ event: "metadata", data: {} }, ...parts]));
  const { values } = nextWrite(state, cut) ?? {};
  return ((values?.messages ?? []) as Message[]).map(line);
}

describe("a step that has ended within a subgraph", () => {
  const first = said("m1", "First.", "team:t1|a:x", 1, whole);
  const second = said("m2", "Second is", "team:t1|b:y", 2);
  const expected = ['ai "First."', 'ai "Second is" stopped'];

  it("stands as the graph has it where that gave the reply another id, once", () => {
    const renamed = said("new", "First.", "team:t1|a:x", 1, whole);
    const state = inner([reply("new", "First.")], [task("y", "b")]);
    expect(written({ tasks: [task("t1", "team", state)], parts: [first, renamed, second] })).toEqual(expected);
    expect(written({ tasks: [task("t1", "team", state)], parts: [first, second] })).toEqual(expected);
  });

  it("stands in the graph's own words, where it has others under the same id", () => {
    const state = inner([reply("m1", "My ***.")], [task("y", "b")]);
    expect(written({ tasks: [task("t1", "team", state)], parts: [first, second] })).toEqual([
      'ai "My ***."',
      'ai "Second is" stopped',
    ]);
  });

  it("is known by its task where the stream tells no step, as in the v2 protocol", () => {
    const state = inner([reply("new", "First.")], [task("y", "b")]);
    const parts = [said("m1", "First.", "team:t1|a:x", undefined, whole), said("m2", "Second is", "team:t1|b:y")];
    expect(written({ tasks: [task("t1", "team", state)], parts })).toEqual(expected);
  });

  it("is kept as it was streamed where the state lags behind", () => {
    const state = inner([], [task("x", "a")], 0);
    expect(written({ tasks: [task("t1", "team", state)], parts: [first, second] })).toEqual(expected);
  });

  it("is there though the head of the stream is missing, with what its tools came to", () => {
    const state = inner([reply("m1", "First.", "c1"), result("c1")], [task("y", "b")]);
    expect(written({ tasks: [task("t1", "team", state)], parts: [second] })).toEqual([
      'ai "First."',
      'c1 "one"',
      'ai "Second is" stopped',
    ]);
  });

  it("is not said in the conversation if it decided the way alone", () => {
    const state = inner([], [task("y", "b")]);
    expect(written({ tasks: [task("t1", "team", state)], parts: [first, second] })).toEqual(['ai "Second is" stopped']);
  });

  it("may be a graph within a graph", () => {
    const deep = inner([reply("m1", "First."), reply("new", "Next.")], [task("z", "c")], 2);
    const state = inner([reply("m1", "First.")], [task("y", "b", deep)]);
    const parts = [
      first,
      said("m2", "Next.", "team:t1|b:y|a:w", 2, whole),
      said("m3", "Third is", "team:t1|b:y|c:z", 3),
    ];
    expect(written({ tasks: [task("t1", "team", state)], parts })).toEqual([
      'ai "First."',
      'ai "Next."',
      'ai "Third is" stopped',
    ]);
  });

  it("of a node that runs a graph a second time is kept as it was streamed: the state shown is the first one's", () => {
    const state = inner([reply("m1", "First.")], [], 3);
    const again = said("m2", "Second is", "team:t1|1|b:y", 1);
    expect(written({ tasks: [task("t1", "team", state)], parts: [first, again] })).toEqual(expected);
  });
});

describe("a graph that was through when the stop came", () => {
  it("has said what it says, whatever was streamed", () => {
    const parts = [said("m1", "Done.", "agent:t1", 1, whole)];
    expect(written({ messages: [human, reply("new", "Done.")], tasks: [], parts })).toEqual([]);
  });
});

describe("what is said inside of a tool", () => {
  const asks = said("m1", "I ask.", "team:t1|agent:x", 1, whole);
  const thinks = said("e1", "Expert thinks", "team:t1|act:y", 2);
  const started = { event: "tools|team:t1", data: { event: "on_tool_start", toolCallId: "c1", name: "ask" } };
  const state = inner([reply("m1", "I ask.", "c1")], [task("y", "act")]);

  it("is the tool's own business in a subgraph, too, whatever its node is called (case 11)", () => {
    const answered = ['ai "I ask."', "c1 cut"];
    expect(written({ tasks: [task("t1", "team", state)], parts: [asks, thinks] })).toEqual(answered);
    const told = { tasks: [task("t1", "team", state)], parts: [asks, started, thinks], modes: ["tools"] };
    expect(written(told)).toEqual(answered);
  });

  it("is the tool's own business where the stream names no node, and tools alone were at work (case 11)", () => {
    const thinking = (namespace: string[]): StreamPart[] =>
      [
        { event: "message-start", id: "e1" },
        { event: "content-block-delta", index: 0, delta: { type: "text-delta", text: "Expert thinks" } },
      ].map((data) => ({ event: "messages", data: { params: { namespace, data } } }));
    const messages = [human, reply("m1", "I ask.", "c1")];
    expect(written({ messages, tasks: [task("t1", "tools")], parts: thinking([]) })).toEqual(["c1 cut"]);
    const beside = [task("t1", "tools"), task("t2", "adviser")];
    expect(written({ messages, tasks: beside, parts: thinking([]) })).toEqual(["c1 cut", 'ai "Expert thinks" stopped']);
    const within = [task("t1", "team", inner([reply("m1", "I ask.", "c1")], [task("y", "tools")]))];
    expect(written({ tasks: within, parts: thinking(["team:t1"]) })).toEqual(['ai "I ask."', "c1 cut"]);
  });

  it("is the conversation's where the stream would tell of tools, and tells of none that runs", () => {
    const speaks = said("m2", "The answer is", "act_and_answer:t1", 2);
    const messages = [human, reply("m1", "I ask.", "c1")];
    const left = { messages, tasks: [task("t1", "act_and_answer")], modes: ["tools"] };
    expect(written({ ...left, parts: [speaks] })).toEqual(["c1 cut", 'ai "The answer is" stopped']);
    const ended = { event: "tools", data: { event: "on_tool_end", toolCallId: "c1", output: result("c1") } };
    expect(written({ ...left, parts: [started, ended, speaks] })).toEqual(['c1 "one"', 'ai "The answer is" stopped']);
    expect(written({ ...left, parts: [started, speaks] })).toEqual(["c1 cut"]);
  });

  it("is no part of the conversation where a graph of its own answers the call", () => {
    const messages = [human, reply("m1", "I ask.", "c1")];
    const own = inner([reply("e1", "Expert thought.")], [task("y", "b")]);
    const parts = [said("e1", "Expert thought.", "act:t1|a:x", 1, whole), said("e2", "And thinks", "act:t1|b:y", 2)];
    expect(written({ messages, tasks: [task("t1", "act", own)], parts, modes: ["tools"] })).toEqual(["c1 cut"]);
  });
});
