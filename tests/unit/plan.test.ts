import { describe, expect, it } from "vitest";
import { type CutRun, gatherCut, type State, type Task } from "../../proxy/core/cut.ts";
import { type Message, messagesIn } from "../../proxy/core/message.ts";
import { nextWrite } from "../../proxy/core/plan.ts";
import type { StreamPart } from "../../proxy/core/transcript.ts";
import { fold, type Recording } from "./recording.ts";
import { asked, expectSound, graphs, spoken, stop } from "./stopped.ts";
import { type Graph, line } from "./thread-simulator.ts";

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
const nameless = ({ id: _id, ...message }: Message): Message => message;
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
  /** Which the proxy has added. */
  modes?: string[];
}

function made({ messages = [human], parts = began, input, tasks = [], modes = [], ...state }: Made): Recording {
  const run: CutRun & { run_id: string } = {
    run_id: "id-1",
    created_at: "2026-01-01T00:00:00.000Z",
    kwargs: { input: input ?? { messages: [human] }, stream_mode: ["values", "messages-tuple", ...modes] },
  };
  const next = [...new Set(tasks.map(({ name }) => name))];
  return { run, parts, state: { values: { messages }, next, tasks, metadata: { run_id: "id-1" }, ...state } };
}

describe("a run that was cut", () => {
  it("before it wrote its input, on a thread that waited for a human's word: it is written, as it would have been (case 19)", () => {
    const { run, state, parts } = made({
      messages: [human, reply("a1", "A draft.")],
      tasks: [{ id: "t0", name: "pause", interrupts: [{ value: "Publish?" }] }],
      parts: [{ event: "metadata", data: {} }],
      input: { messages: [{ ...human, id: "h2", content: "no, anew" }] },
      metadata: null,
    });
    const cut = gatherCut(asked, run, state, fold(parts));
    expect(nextWrite(state, cut)).toMatchObject({ values: { messages: [{ id: "h2" }] }, asNode: "__input__" });
    // When it is healed, nobody has asked for what waits to go.
    expect(nextWrite(state, { ...cut, reason: "interrupted" })).toBeUndefined();
  });

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
    expect(planned.writes).toEqual(['__input__ ← human "hello"', '__start__ ← human "hello"', "__end__ ← null"]);
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

  it("beside a branch that has finished with calls: nobody runs them yet, so it speaks for itself", () => {
    const asks = reply("a1", "I ask.", "c1");
    const branches = made({
      messages: [human, asks],
      tasks: [task("t1", "agent", { result: { messages: [asks] } }), task("t2", "adviser")],
      parts: [...began, said("s1", "Beside", "adviser:t2")],
      modes: ["tools"],
    });
    const graph = { entry: ["agent", "adviser"], edges: { agent: "calls" as const, tools: ["agent"], adviser: [] } };
    expect(spoken(stop(graph, branches)).slice(1).map(line)).toEqual(['ai "I ask."', "c1 cut", 'ai "Beside" stopped']);
    expect(spoken(stop(graph, { ...branches, run: { ...branches.run, kwargs: {} } })).at(-1)?.id).toBe("s1");
  });

  it("keeps what was said word for word before, where the stream tells no task (case 20)", () => {
    const parts: StreamPart[] = [
      ...began,
      { event: "messages", data: { event: "message-start", id: "m2" } },
      {
        event: "messages",
        data: { event: "content-block-delta", index: 0, delta: { type: "text-delta", text: "Half" } },
      },
    ];
    const messages = [human, reply("m1", "Half"), { ...human, id: "h2" }];
    const planned = stop(graphs.react, made({ messages, tasks: [task("t1", "agent")], parts }));
    expect(spoken(planned).map(line).slice(1)).toEqual(['ai "Half"', 'human "hello"', 'ai "Half" stopped']);
  });

  it("by a model that gives no ids: what it said before in the same node stays beside what it was saying", () => {
    const event = (data: object, call: number): StreamPart => ({
      event: "messages|agent:t1",
      data: { run_id: `call ${call}`, ...data },
    });
    const speech = (call: number, text: string) => [
      event({ event: "message-start" }, call),
      event({ event: "content-block-delta", index: 0, delta: { type: "text-delta", text } }, call),
    ];
    const parts = [...began, ...speech(1, "A draft."), event({ event: "message-finish" }, 1), ...speech(2, "Revis")];
    const planned = stop(graphs.react, made({ tasks: [task("t1", "agent")], parts }));
    expect(spoken(planned).map(line).slice(1)).toEqual(['ai "A draft."', 'ai "Revis" stopped']);
  });

  it("with all of its step's tasks at their ends: what the graph stored under another id stands once (case 18)", () => {
    const ended = { result: { messages: [result("c1")] } };
    const parts = [...began, said("m1", "I ask.", "agent:t1")];
    const messages = [human, reply("renamed", "I ask.", "c1")];
    const planned = stop(graphs.react, made({ messages, tasks: [task("t2", "tools", ended)], parts }));
    expect(spoken(planned)).toEqual([...messages, result("c1")]);
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

describe("a call of a reply that no step has returned", () => {
  const calling = (chunks: object[], end: object[] = []): StreamPart[] => [
    ...began,
    ...[{ content: "I ask." }, { tool_call_chunks: chunks }, ...end].map((fields) => ({
      event: "messages",
      data: [
        { type: "ai", id: "m1", content: "", tool_call_chunks: [], ...fields },
        { langgraph_checkpoint_ns: "agent:t1" },
      ],
    })),
  ];
  const pay = { id: "c1", name: "pay", args: "{}", index: 0 };
  const fateOf = (parts: StreamPart[]) =>
    stop(graphs.react, made({ tasks: [task("t1", "agent")], parts, modes: ["tools"] })).writes[0];

  it("may have had effects: the node may run plain functions, of which no stream tells (case 27)", () => {
    const usage = { usage_metadata: { output_tokens: 3 }, response_metadata: { model_provider: "openai" } };
    expect(fateOf(calling([pay], [usage]))).toBe('agent ← ai "I ask.", c1 cut');
  });

  it("may have had effects where its provider never says that it is done", () => {
    expect(fateOf(calling([pay]))).toBe('agent ← ai "I ask." stopped, c1 cut');
  });

  it("never started while another call's arguments were still being written", () => {
    const half = { id: "c2", name: "pay", args: '{"sum', index: 1 };
    expect(fateOf(calling([pay, half]))).toBe('agent ← ai "I ask." stopped, c1 never-started');
  });

  it("may have had effects though another tool's start is known: this one may be a plain function", () => {
    const search = { id: "c2", name: "search", args: "{}", index: 1 };
    const started = { event: "tools", data: { event: "on_tool_start", toolCallId: "c2", name: "search" } };
    expect(fateOf([...calling([pay, search]), started])).toBe('agent ← ai "I ask.", c1 cut, c2 cut');
  });

  it("may have had effects though another call to its tool has begun, where the stream's beginning is lost", () => {
    const messages = [human, reply("a1", "I ask.", "c1", "c2")];
    const begins: StreamPart = { event: "tools", data: { event: "on_tool_start", toolCallId: "c2", name: "probe" } };
    const fatesIn = (parts: StreamPart[]) =>
      spoken(stop(graphs.react, made({ messages, tasks: [task("t1", "tools")], parts, modes: ["tools"] }))).slice(2);
    expect(fatesIn([...began, begins]).map(line)).toEqual(["c1 never-started", "c2 cut"]);
    expect(fatesIn([begins]).map(line)).toEqual(["c1 cut", "c2 cut"]);
  });
});

describe("a call whose id was used in an earlier turn", () => {
  const earlier = [human, reply("a1", "I ask.", "c1"), result("c1"), reply("a2", "Done.")];
  const again = [...earlier, { ...human, id: "h2" }, reply("a3", "Again.", "c1")];

  it("gets an answer of its own, the earlier one stays where it is (case 14)", () => {
    const planned = stop(graphs.react, made({ messages: again, tasks: [task("t1", "tools")] }));
    expect(spoken(planned).slice(0, 6)).toEqual(again);
    expect(spoken(planned).slice(6).map(line)).toEqual(["c1 cut"]);
    expectSound(planned);
  });

  it("is not surplus once it is answered", () => {
    const whole = [...again, { ...result("c1"), id: "second" }, reply("a4", "Done.")];
    expect(stop(graphs.react, made({ messages: whole })).writes).toEqual([]);
  });

  it("is not taken for finished because its namesake in the same run was", () => {
    const announce = (id: string): StreamPart => ({
      event: "messages",
      data: [{ ...reply(id, "", "c1"), type: "AIMessage" }, { langgraph_checkpoint_ns: `agent:${id}` }],
    });
    const told: StreamPart = { event: "messages", data: [result("c1"), { langgraph_checkpoint_ns: "tools:t" }] };
    const parts = [...began, announce("a1"), told, announce("a3")];
    const planned = stop(graphs.react, made({ messages: again, tasks: [task("t1", "tools")], parts }));
    expect(spoken(planned).slice(6).map(line)).toEqual(["c1 cut"]);
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

  it("loses an answer to a call that was answered already, as clients invent them (case 13)", () => {
    const invented: Message = { ...result("c1"), id: "invented", content: "Successfully handled tool call." };
    const late: Message = { type: "human", id: "h2", content: "still there?" };
    const wedged = made({ messages: [human, reply("a1", "I ask.", "c1"), result("c1"), invented, late] });
    const planned = stop(graphs.react, wedged, { reason: "error" });
    expect(spoken(planned).map(line)).toEqual([
      'human "hello"',
      'ai "I ask."',
      'c1 "result of c1"',
      'human "still there?"',
    ]);
    expectSound(planned);
  });

  it("takes what was queued behind the gap once (case 19)", () => {
    const queued = made({
      messages: [human, reply("a1", "I ask.", "c1")],
      parts: [],
      input: { messages: [{ ...human, id: "h2", content: "and now?" }] },
      metadata: null,
    });
    const planned = stop(graphs.react, queued);
    expect(spoken(planned).map(line)).toEqual(['human "hello"', 'ai "I ask."', "c1 cut", 'human "and now?"']);
    expectSound(planned);
  });

  it("is written to from the start where nothing tells which node was cut", () => {
    const open = made({ messages: [human, reply("a1", "I ask.", "c1")] });
    const planned = stop(graphs.react, open);
    expect(planned.writes[0]).toMatch(/^__start__ ← c1 cut/);
    expectSound(planned);
  });

  it("is left alone where it is whole", () => {
    const whole = made({ messages: [human, reply("a1", "I ask.", "c1"), result("c1"), reply("a2", "Done.")] });
    expect(stop(graphs.react, whole).writes).toEqual([]);
  });
});

describe("an open call from before the run", () => {
  const planned: Message[] = [human, reply("p1", "", "plan1"), reply("a1", "Plan carried out.")];
  const next: Message = { ...human, id: "h2", content: "and now?" };
  const half = [...began, said("m2", "Half", "answer:t1")];
  const graph = { entry: ["answer"], edges: { answer: [] } };
  const left = { messages: [...planned, next], tasks: [task("t1", "answer")], parts: half };

  it.each([
    ["by its id", { messages: [next] }],
    ["by its words", { messages: [{ role: "user", content: "and now?" }] }],
  ])("is left alone if the conversation went on behind it; the run begins with its input, known %s", (_, input) => {
    const stopped = stop(graph, made({ ...left, input }));
    expect(stopped.writes).toEqual(['answer ← ai "Half" stopped']);
    expect(spoken(stopped).slice(0, 4)).toEqual(left.messages);
  });

  it("is left alone where the run waited for its turn", () => {
    const queued = made({ messages: planned, input: { messages: [next] }, parts: [], metadata: { run_id: "id-0" } });
    const stopped = stop(graph, { ...queued, run: { ...queued.run, status: "pending" } });
    expect(spoken(stopped)).toEqual([...planned, next]);
  });

  it("is answered if nothing was said since: another run was cut there (case 12)", () => {
    const messages = [human, reply("p1", "I ask.", "c1"), next];
    const stopped = stop(graph, made({ ...left, messages, input: { messages: [next] } }));
    expect(spoken(stopped).slice(1, 3).map(line)).toEqual(['ai "I ask."', "c1 cut"]);
    expectSound(stopped);
  });

  it("is answered if the run failed before it said anything: the model may have refused the thread for it", () => {
    const failed = made({ ...left, input: { messages: [next] }, parts: began });
    expectSound(stop(graph, failed, { reason: "error" }));
    expect(stop(graph, failed, { reason: "interrupted" }).writes).toEqual(["__end__ ← null"]);
    const spoke = made({ ...left, input: { messages: [next] } });
    expect(stop(graph, spoke, { reason: "error" }).writes).toEqual(['answer ← ai "Half" stopped']);
  });

  it("is the run's own if it stands behind what that was asked, whatever is said beside it", () => {
    const messages = [...planned, next, reply("b1", "I ask.", "c1"), reply("b2", "Beside.")];
    const stopped = stop(graphs.react, made({ messages, tasks: [task("t2", "tools")], input: { messages: [next] } }));
    expect(spoken(stopped).slice(4).map(line)).toEqual(['ai "I ask."', "c1 cut", 'ai "Beside."']);
    expect(spoken(stopped).slice(0, 4)).toEqual(messages.slice(0, 4));
  });
});

describe("a conversation that is only ever added to", () => {
  const appending: Graph = { ...graphs.react, reducer: "append" };

  it("has the calls of its last reply answered, in whichever order (case 12)", () => {
    const open = made({ messages: [human, reply("a1", "I ask.", "c1", "c2"), nameless(result("c2"))] });
    const planned = stop(appending, open);
    expect(planned.writes).toEqual(["__start__ ← c1 cut", "__end__ ← null"]);
    expectSound(planned);
  });

  it("is left alone where more was said behind an open call: nothing can be put in between", () => {
    const wedged = [nameless(human), reply("a1", "I ask.", "c1"), nameless({ ...human, content: "still there?" })];
    expect(stop(appending, made({ messages: wedged })).writes).toEqual([]);
  });

  it("grows by one attempt at most, where only that can show what becomes of it", () => {
    const wedged = [human, reply("a1", "I ask.", "c1"), { ...human, id: "h2", content: "still there?" }];
    const planned = stop(appending, made({ messages: wedged }));
    expect(planned.writes).toEqual(['__start__ ← remove h2, c1 cut, human "still there?"', "__end__ ← null"]);
    expect(stop(appending, made({ messages: spoken(planned) })).writes).toEqual([]);
  });

  it("takes what was cut like any other", () => {
    const parts = [...began, said("m1", "Half of ", "agent:t1")];
    const planned = stop(appending, made({ messages: [nameless(human)], tasks: [task("t1", "agent")], parts }));
    expect(planned.writes).toEqual(['agent ← ai "Half of" stopped']);
  });
});

describe("a conversation that nothing merges", () => {
  const replacing: Graph = { ...graphs.react, reducer: "replace" };

  it("is written once more as it should stand, when a write has taken its place", () => {
    const wedged = [human, reply("a1", "I ask.", "c1"), { ...human, id: "h2", content: "still there?" }];
    const planned = stop(replacing, made({ messages: wedged }));
    expect(spoken(planned).map(line)).toEqual(['human "hello"', 'ai "I ask."', "c1 cut", 'human "still there?"']);
    expect(planned.writes).toHaveLength(3);
    expectSound(planned);
  });

  it("has its first messages without ids, as clients send them, and keeps them", () => {
    const parts = [...began, said("m1", "Half of ", "agent:t1")];
    const messages = [nameless(human), reply("a1", "Hi."), nameless(human)];
    const planned = stop(replacing, made({ messages, tasks: [task("t1", "agent")], parts }));
    expect(spoken(planned)).toEqual([...messages, expect.objectContaining({ content: "Half of" })]);
  });

  it("whose input was never written gets it once, in the place of what was there", () => {
    const { run, state, parts } = made({
      messages: [human, reply("a1", "Hi.")],
      parts: [],
      input: { messages: [{ ...human, id: "h2", content: "anew" }] },
      metadata: null,
    });
    const cut = gatherCut(asked, run, state, fold(parts));
    const waiting = { ...state, next: ["__start__"], metadata: { source: "input" } };
    expect(nextWrite(state, cut)).toEqual({ values: nextWrite(waiting, cut)?.values, asNode: "__input__" });
    const after = { ...state, values: nextWrite(waiting, cut)?.values };
    expect(messagesIn(after.values, "messages").map(line)).toEqual(['human "anew"']);
    expect(nextWrite(after, cut)).toBeUndefined();
  });
});

describe("a graph of the functional API, which keeps what it returned last", () => {
  const input = { messages: [{ ...human, id: "h2", content: "and now?" }] };
  const parts = [...began, said("m1", "Half of ", "chat:t1|speak:t2")];
  const chat = { tasks: [task("t1", "chat")], metadata: { run_id: "id-1", source: "input" }, parts, input };
  const planned = ({ run, state, parts: streamed }: Recording) =>
    nextWrite(state, gatherCut(asked, run, state, fold(streamed)));

  it("gets the whole conversation in one write, what the user said last included (case 19)", () => {
    const before = { messages: [human, reply("a1", "Hi.")], mood: "good" };
    const write = planned(made({ ...chat, values: before }));
    expect(write?.asNode).toBe("chat");
    expect(write?.values).toMatchObject({ mood: "good" });
    expect(messagesIn(write?.values, "messages").map(line)).toEqual([
      'human "hello"',
      'ai "Hi."',
      'human "and now?"',
      'ai "Half of" stopped',
    ]);
  });

  it("is not asked anew what it had answered before the stop came: its result holds both", () => {
    const values = { messages: [{ ...human, id: "its own" }, reply("m1", "Half of it.")] };
    const returned = { ...chat, next: [], tasks: [task("t1", "chat", { result: values })] };
    const { run, state, parts: streamed } = made({ ...returned, messages: [] });
    const cut = gatherCut(asked, run, state, fold(streamed));
    expect(nextWrite(state, cut)).toEqual({ values: null, asNode: "__end__" });
    expect(nextWrite({ ...state, values, tasks: [] }, cut)).toBeUndefined();
  });

  it("is let go where it keeps something else", () => {
    const input = [human];
    expect(planned(made({ ...chat, values: { log: "…" }, input }))).toEqual({ values: null, asNode: "__end__" });
  });
});
