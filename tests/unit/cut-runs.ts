import fc from "fast-check";
import type { CutRun, State, Task } from "../../proxy/core/cut.ts";
import type { ContentBlock, Message, ToolCall, ToolCallChunk } from "../../proxy/core/message.ts";
import type { StreamPart } from "../../proxy/core/transcript.ts";
import type { Recording } from "./recording.ts";
import type { Graph } from "./thread-simulator.ts";

/** How servers and providers differ in what they stream. */
interface Style {
  server: "js" | "python";
  /** One `ToolNode` task answers all calls of a reply, or each has a task. */
  tools: "one task" | "task per call";
  /** The agent is the root graph, or a subgraph that shares the conversation. */
  place: "root" | "nested";
  content: "text" | "blocks";
}

interface Step {
  reasoning: string;
  /** Behind the text it thinks again, and says one word more. */
  thinksAgain: boolean;
  text: string;
  /** The chunks' lengths, in code points; the last chunk takes the rest. */
  tears: number[];
  calls: { args: Record<string, unknown>; tear: number }[];
  /** In which order the tools end. */
  order: number[];
}

/** What is true of a call when the run is cut. */
export type Truth = "finished" | "started" | "never";

/** A run that was cut, and what is true of it. */
export interface CutRunCase {
  style: Style;
  graph: Graph;
  recording: Recording;
  /** The conversation before the turn. */
  earlier: Message[];
  asked: Message;
  /** What was streamed of each reply's text, and whether the reply had ended. */
  streamed: Map<string, { text: string; complete: boolean }>;
  calls: Map<string, Truth>;
  /** What each call asks for, once all of it has streamed. */
  asks: Map<string, Record<string, unknown>>;
  /** Calls of which the server tells that they finished. */
  told: Set<string>;
  signatures: Set<string>;
}

const graphs: Record<Style["place"], Graph> = {
  root: { entry: ["agent"], edges: { agent: "calls", tools: ["agent"] } },
  nested: { entry: ["researcher"], edges: { researcher: ["writer"], writer: [] } },
};

const style: fc.Arbitrary<Style> = fc.record({
  server: fc.constantFrom("js", "python"),
  tools: fc.constantFrom("one task", "task per call"),
  place: fc.constantFrom("root", "nested"),
  content: fc.constantFrom("text", "blocks"),
});

/** Lists as long as they may be are as likely as short ones. */
const size = "max";

const words = (max: number) =>
  fc
    .array(fc.tuple(fc.constantFrom("", "é", "🐉", "👩‍🚀"), fc.constantFrom(" ", "  ", "\n", ", ")), {
      maxLength: max,
      size,
    })
    .map((list) =>
      list
        .map(([prefix, gap]) => `${prefix}#${gap}`)
        .join("")
        .trim(),
    );

const step: fc.Arbitrary<Step> = fc.record({
  reasoning: fc.constantFrom("", "Let me think."),
  thinksAgain: fc.boolean(),
  text: words(6),
  tears: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 6, size }),
  calls: fc.array(
    fc.record({ args: fc.dictionary(fc.constantFrom("a", "b"), fc.json({ maxDepth: 1 })), tear: fc.nat(12) }),
    { maxLength: 3, size },
  ),
  order: fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
});

/** Any run, cut anywhere: after a number of moments, of which each shows something or changes the state. */
export const cutRun: fc.Arbitrary<CutRunCase> = fc
  .record({
    style,
    earlier: fc.array(fc.boolean(), { maxLength: 2 }),
    steps: fc.array(step, { minLength: 1, maxLength: 3, size }),
    cutAt: fc.nat(9999),
  })
  .map(({ style, earlier, steps, cutAt }) => {
    const run = new SimulatedRun(style, earlier);
    const moments = [...run.moments(steps)].length;
    const cut = new SimulatedRun(style, earlier);
    const left = cutAt % moments;
    let at = 0;
    for (const _ of cut.moments(steps)) if (++at > left) break;
    return cut.asCut();
  });

/** A run that goes on a moment at a time; where its generator is left, it was cut. */
class SimulatedRun {
  #style: Style;
  #earlier: Message[];
  #asked: Message = { type: "human", id: "asked", content: "Go on." };
  #parts: StreamPart[] = [];
  /** The conversation as the agent's graph has it; the root's, unless it is nested. */
  #messages: Message[];
  #written = false;
  #tasks: Task[] = [];
  #step = 0;
  #streamed: CutRunCase["streamed"] = new Map();
  #calls: CutRunCase["calls"] = new Map();
  #asks: CutRunCase["asks"] = new Map();
  #told = new Set<string>();
  #signatures = new Set<string>();
  #word = 0;

  constructor(style: Style, earlier: boolean[]) {
    this.#style = style;
    this.#earlier = earlier.flatMap((withTools, turn) => finishedTurn(turn, withTools));
    this.#messages = [...this.#earlier];
  }

  *moments(steps: Step[]): Generator<void> {
    this.#show("metadata", { run_id: "run" });
    yield;
    this.#messages.push(this.#asked);
    this.#written = true;
    this.#begin("agent", "0");
    this.#show("values", {});
    yield;
    for (const [index, one] of steps.entries()) {
      const calls = index < steps.length - 1 || one.calls.length > 0 ? one.calls : [];
      const reply = yield* this.#speak({ ...one, calls }, String(index));
      this.#messages.push(reply);
      if (!reply.tool_calls?.length) return;
      this.#begin("tools", String(index), reply.tool_calls);
      this.#show("values", {});
      yield;
      yield* this.#runTools(reply.tool_calls, one.order);
      this.#begin("agent", String(index + 1));
      this.#show("values", {});
      yield;
    }
  }

  *#speak(one: Step, index: string): Generator<void, Message> {
    const id = `reply-${index}`;
    const text =
      one.text.replaceAll("#", () => `w${this.#word++}`) || (one.calls.length > 0 ? "" : `w${this.#word++}.`);
    const seen = { text: "", complete: false };
    this.#streamed.set(id, seen);
    const { blocks } = { blocks: this.#style.content === "blocks" };
    const final: Message = { type: "ai", id, content: blocks ? [] : text, tool_calls: [], response_metadata: {} };
    const put = (block: ContentBlock) => (final.content as ContentBlock[]).push(block);
    yield this.#chunk(id, index, {});
    if (one.reasoning && blocks) {
      const signature = `signature-${index}`;
      this.#signatures.add(signature);
      yield this.#chunk(id, index, { content: [{ index: 0, type: "thinking", thinking: one.reasoning }] });
      yield this.#chunk(id, index, { content: [{ index: 0, type: "thinking", thinking: "", signature }] });
      put({ type: "thinking", thinking: one.reasoning, signature });
    } else if (one.reasoning) {
      yield this.#chunk(id, index, { additional_kwargs: { reasoning_content: one.reasoning } });
      final.additional_kwargs = { reasoning_content: one.reasoning };
    }
    for (const token of tear(text, one.tears)) {
      seen.text += token;
      yield this.#chunk(id, index, { content: blocks ? [{ index: 1, type: "text", text: token }] : token });
    }
    if (blocks && text) put({ type: "text", text });
    if (blocks && text && one.thinksAgain) yield* this.#thinkAgain(id, index, seen, put);
    for (const [at, { args, tear: where }] of one.calls.entries()) {
      const call: ToolCall = { id: `call-${index}-${at}`, name: "probe", args, type: "tool_call" };
      this.#calls.set(call.id ?? "", "never");
      this.#asks.set(call.id ?? "", args);
      const json = JSON.stringify(args);
      for (const part of [
        { id: call.id, name: "probe", args: "" },
        { args: json.slice(0, where) },
        { args: json.slice(where) },
      ]) {
        yield this.#chunk(id, index, {
          tool_call_chunks: [{ ...part, index: at }],
          ...(blocks ? asBlock(part, at) : {}),
        });
      }
      final.tool_calls?.push(call);
      if (blocks) put({ type: "tool_use", id: call.id, name: "probe", input: args });
    }
    seen.complete = true;
    yield this.#chunk(id, index, { response_metadata: { finish_reason: "stop" } });
    return final;
  }

  *#thinkAgain(id: string, index: string, seen: { text: string }, put: (block: ContentBlock) => void): Generator<void> {
    const thinking = { type: "thinking", thinking: "Is it so?" };
    const signature = `signature-${index}-again`;
    const text = `w${this.#word++}`;
    yield this.#chunk(id, index, { content: [{ index: 10, ...thinking }] });
    this.#signatures.add(signature);
    seen.text += text;
    this.#chunk(id, index, { content: [{ index: 10, type: "thinking", thinking: "", signature }] });
    yield this.#chunk(id, index, { content: [{ index: 11, type: "text", text }] });
    put({ ...thinking, signature });
    put({ type: "text", text });
  }

  *#runTools(calls: ToolCall[], order: number[]): Generator<void> {
    const { server, tools } = this.#style;
    for (const { id } of calls) {
      this.#calls.set(id ?? "", "started");
      if (server === "js") this.#show("tools", { event: "on_tool_start", toolCallId: id, name: "probe" });
      yield;
    }
    for (const at of order.filter((nth) => nth < calls.length)) {
      const answer = resultOf(calls[at]?.id ?? "");
      this.#calls.set(answer.tool_call_id ?? "", "finished");
      if (server === "js") {
        this.#told.add(answer.tool_call_id ?? "");
        this.#show("tools", { event: "on_tool_end", toolCallId: answer.tool_call_id, output: answer });
      }
      if (tools === "task per call") {
        this.#told.add(answer.tool_call_id ?? "");
        const task = this.#tasks[at];
        if (task) task.result = { messages: [answer] };
        this.#show("messages", [answer, {}]);
      }
      yield;
    }
    for (const { id } of calls) {
      this.#told.add(id ?? "");
      this.#messages.push(resultOf(id ?? ""));
      if (tools === "one task") this.#show("messages", [resultOf(id ?? ""), {}]);
    }
  }

  /** The next superstep of the agent's graph. */
  #begin(node: string, step: string, calls?: ToolCall[]): void {
    const one = (name: string, id: string): Task => ({ id, name, interrupts: [], result: null });
    this.#step += 1;
    if (!calls || this.#style.tools === "one task") this.#tasks = [one(node, `${node}-${step}`)];
    else this.#tasks = calls.map(({ id }) => one("tools", `tools-${id}`));
  }

  #chunk(
    id: string,
    step: string,
    fields: Omit<Partial<Message>, "tool_call_chunks"> & { tool_call_chunks?: ToolCallChunk[] },
  ): void {
    const { server, place } = this.#style;
    const langgraph_checkpoint_ns = place === "nested" ? `researcher:t|agent:agent-${step}` : `agent:agent-${step}`;
    const type = server === "js" ? "ai" : "AIMessageChunk";
    const message = { type, id, content: "", tool_call_chunks: [], ...fields };
    this.#show("messages", [message, { langgraph_checkpoint_ns, langgraph_step: this.#step }]);
  }

  #show(event: string, data: unknown): void {
    this.#parts.push(structuredClone({ event, data }));
  }

  asCut(): CutRunCase {
    const { place, server } = this.#style;
    const outer = place === "root" ? this.#messages : [...this.#earlier, ...(this.#written ? [this.#asked] : [])];
    const metadata = { step: this.#step - 1 };
    const state = { values: { messages: this.#messages }, tasks: this.#tasks, metadata };
    const nested: Task[] = this.#step > 0 ? [{ id: "t", name: "researcher", interrupts: [], result: null, state }] : [];
    const tasks = place === "nested" ? nested : this.#tasks;
    const run: CutRun & { run_id: string } = {
      run_id: "run",
      created_at: "2026-01-02T00:00:00Z",
      kwargs: {
        input: { messages: [{ ...this.#asked }] },
        stream_mode: ["values", "messages-tuple", ...(server === "js" ? ["tools"] : [])],
      },
    };
    const head: State = {
      values: { messages: outer },
      next: [],
      tasks,
      created_at: "2026-01-01T00:00:00Z",
      metadata: { run_id: this.#written ? "run" : "an earlier one" },
    };
    return {
      style: this.#style,
      graph: graphs[place],
      recording: structuredClone({ run, state: head, parts: this.#parts }),
      earlier: this.#earlier,
      asked: this.#asked,
      streamed: this.#streamed,
      calls: this.#calls,
      asks: this.#asks,
      told: this.#told,
      signatures: this.#signatures,
    };
  }
}

/** A call's block as Anthropic streams it. */
const asBlock = ({ id, args }: { id?: string | null; args: string }, at: number) => ({
  content: [
    id
      ? { index: at + 2, type: "tool_use", id, name: "probe", input: "" }
      : { index: at + 2, type: "input_json_delta", input: args },
  ],
});

export const resultOf = (callId: string): Message => ({
  type: "tool",
  id: `answer-${callId}`,
  tool_call_id: callId,
  name: "probe",
  content: `result of ${callId}`,
  status: "success",
});

function finishedTurn(turn: number, withTools: boolean): Message[] {
  const call: ToolCall = { id: `call-before-${turn}`, name: "probe", args: { a: 1 }, type: "tool_call" };
  return [
    { type: "human", id: `asked-${turn}`, content: "Earlier." },
    ...(withTools
      ? [{ type: "ai", id: `asks-${turn}`, content: "", tool_calls: [call] }, resultOf(call.id ?? "")]
      : []),
    { type: "ai", id: `said-${turn}`, content: "Said before." },
  ];
}

function tear(text: string, lengths: number[]): string[] {
  const points = [...text];
  const tokens = lengths.map((length) => points.splice(0, length).join(""));
  return [...tokens, points.join("")].filter((token) => token !== "");
}
