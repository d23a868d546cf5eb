import type { CutRun, State, Task } from "../../proxy/core/cut.ts";
import type { ContentBlock, Message, ToolCall } from "../../proxy/core/message.ts";
import type { StreamPart } from "../../proxy/core/transcript.ts";
import type { CutRunCase, Spoken, Step, Style } from "./cut-runs.ts";
import { type Chunk, type Show, showerFor } from "./stream-forms.ts";
import type { Graph } from "./thread-simulator.ts";

const graphs: Record<Style["place"], Graph> = {
  root: { entry: ["adviser", "agent"], edges: { agent: "calls", tools: ["agent"], adviser: [] } },
  nested: { entry: ["researcher"], edges: { researcher: ["writer"], writer: [] } },
};

/** A run that goes on a moment at a time; where its generator is left, it was cut. */
export class SimulatedRun {
  #style: Style;
  #earlier: Message[];
  #asked: Message;
  #parts: StreamPart[] = [];
  /** The conversation as the agent's graph has it; the root's, unless it is nested. */
  #messages: Message[];
  #written = false;
  #tasks: Task[] = [];
  #step = 0;
  #spoken: Spoken[] = [];
  #calls: CutRunCase["calls"] = new Map();
  #asks: CutRunCase["asks"] = new Map();
  #told = new Set<string>();
  #signatures = new Set<string>();
  #word = 0;

  constructor(style: Style, earlier: boolean[]) {
    this.#style = style;
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } };
    const content = style.image ? [{ type: "text", text: "Go on." }, image] : "Go on.";
    this.#asked = this.#inState({ type: "human", id: "asked", content });
    const before = earlier.flatMap((withTools, turn) => finishedTurn(turn, withTools));
    // Input takes the place of what was there, where nothing merges it.
    this.#earlier = style.reducer === "replace" ? [] : before.map((message) => this.#inState(message));
    this.#messages = [...this.#earlier];
  }

  /** As the graph stores it: where nothing merges by id, nothing gives one to what has none. */
  #inState(message: Message): Message {
    if (this.#style.reducer === "by id" || message.type === "ai") return message;
    const { id: _id, ...nameless } = message;
    return nameless;
  }

  *moments(steps: Step[]): Generator<void> {
    this.#show({ event: "metadata", data: { run_id: "run" } });
    yield;
    this.#messages.push(this.#asked);
    this.#written = true;
    this.#begin("agent", "0");
    this.#show({ event: "values", data: {} });
    yield;
    for (const [index, one] of steps.entries()) {
      const calls = index < steps.length - 1 || one.calls.length > 0 ? one.calls : [];
      const beside = index === 0 && this.#style.beside ? this.#speakBeside() : undefined;
      beside?.next();
      const reply = yield* this.#speak({ ...one, calls }, String(index));
      if (beside) yield* this.#finishBeside(reply, beside);
      this.#messages.push(...this.#endOf("adviser"), reply);
      if (!reply.tool_calls?.length) return;
      this.#begin("tools", String(index), reply.tool_calls);
      this.#show({ event: "values", data: {} });
      yield;
      yield* this.#runTools(reply.tool_calls, one.order);
      this.#begin("agent", String(index + 1));
      this.#show({ event: "values", data: {} });
      yield;
    }
  }

  /** The other node of the first step: it has begun before the agent speaks, and ends after it. */
  *#speakBeside(): Generator<void> {
    this.#tasks.unshift(taskOf("adviser", "adviser-0"));
    const seen: Spoken = { text: "", complete: false, ids: ["aside"] };
    this.#spoken.push(seen);
    const show = this.#shower("aside", "adviser:adviser-0");
    this.#show(...show({}));
    for (const text of ["Beside", " it."]) {
      seen.text += text;
      this.#show(...show({ content: text }));
      yield;
    }
    this.#show(...show({ response_metadata: { finish_reason: "stop" } }));
    seen.complete = true;
    yield;
    const task = this.#tasks.find(({ name }) => name === "adviser");
    if (task) task.result = { [this.#style.key]: [{ type: "ai", id: "aside", content: seen.text, tool_calls: [] }] };
  }

  *#finishBeside(reply: Message, beside: Generator<void>): Generator<void> {
    const agent = this.#tasks.at(-1);
    if (agent) agent.result = { [this.#style.key]: [reply] };
    yield;
    yield* beside;
    yield;
  }

  #endOf(name: string): Message[] {
    const { result } = this.#tasks.find((task) => task.name === name) ?? {};
    return (result as Record<string, Message[]> | undefined)?.[this.#style.key] ?? [];
  }

  *#speak(one: Step, index: string): Generator<void, Message> {
    const { content, ids, place } = this.#style;
    const id = `reply-${index}`;
    const stored = ids === "kept" ? id : `stored-${index}`;
    const text =
      one.text.replaceAll("#", () => `w${this.#word++}.`) || (one.calls.length > 0 ? "" : `w${this.#word++}.`);
    const seen: Spoken = { text: "", complete: false, ids: ids === "none" ? [] : [id, stored] };
    this.#spoken.push(seen);
    const blocks = content !== "text";
    const final: Message = {
      type: "ai",
      id: stored,
      content: blocks ? [] : text,
      tool_calls: [],
      response_metadata: {},
    };
    const put = (block: ContentBlock) => (final.content as ContentBlock[]).push(block);
    const namespace = place === "nested" ? `researcher:t|agent:agent-${index}` : `agent:agent-${index}`;
    const shower = this.#shower(ids === "none" ? undefined : id, namespace);
    const show = (chunk: Chunk) => this.#show(...shower(chunk));
    yield show({});
    if (one.reasoning && content === "blocks") {
      const signature = this.#style.form === "v2" ? "" : this.#sign(`signature-${index}`);
      yield show({ content: [{ index: 0, type: "thinking", thinking: one.reasoning }] });
      if (signature) yield show({ content: [{ index: 0, type: "thinking", thinking: "", signature }] });
      if (signature) put({ type: "thinking", thinking: one.reasoning, signature });
    } else if (one.reasoning && content === "items") {
      yield show({ content: [{ index: 0, type: "reasoning", id: `rs_${index}`, summary: [] }] });
    } else if (one.reasoning) {
      yield show({ additional_kwargs: { reasoning_content: one.reasoning } });
      final.additional_kwargs = { reasoning_content: one.reasoning };
    }
    const item = content === "items" ? { id: `msg_${index}` } : {};
    for (const token of tear(text, one.tears)) {
      seen.text += token;
      yield show({ content: blocks ? [{ index: 1, type: "text", text: token, ...item }] : token });
    }
    if (blocks && text) put({ type: "text", text, ...item });
    if (content === "blocks" && text && one.thinksAgain) yield* this.#thinkAgain(show, index, seen, put);
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
        yield show({
          tool_call_chunks: [{ ...part, index: at }],
          ...(content === "blocks" ? asBlock(part, at) : {}),
        });
      }
      final.tool_calls?.push(call);
      if (content === "blocks") put({ type: "tool_use", id: call.id, name: "probe", input: args });
    }
    seen.complete = true;
    yield show({ response_metadata: { finish_reason: "stop" } });
    return final;
  }

  *#thinkAgain(
    show: (chunk: Chunk) => void,
    index: string,
    seen: Spoken,
    put: (block: ContentBlock) => void,
  ): Generator<void> {
    const isSigned = this.#style.form !== "v2";
    const thinking = { type: "thinking", thinking: "Is it so?" };
    const text = `w${this.#word++}.`;
    yield show({ content: [{ index: 10, ...thinking }] });
    seen.text += text;
    const signature = isSigned ? this.#sign(`signature-${index}-again`) : "";
    if (isSigned) show({ content: [{ index: 10, type: "thinking", thinking: "", signature }] });
    yield show({ content: [{ index: 11, type: "text", text }] });
    if (isSigned) put({ ...thinking, signature });
    put({ type: "text", text });
  }

  #sign(signature: string): string {
    this.#signatures.add(signature);
    return signature;
  }

  *#runTools(calls: ToolCall[], order: number[]): Generator<void> {
    const { server, tools, key } = this.#style;
    for (const { id } of calls) {
      this.#calls.set(id ?? "", "started");
      if (server === "js")
        this.#show({ event: "tools", data: { event: "on_tool_start", toolCallId: id, name: "probe" } });
      yield;
    }
    for (const at of order.filter((nth) => nth < calls.length)) {
      const answer = resultOf(calls[at]?.id ?? "");
      this.#calls.set(answer.tool_call_id ?? "", "finished");
      if (server === "js") {
        this.#told.add(answer.tool_call_id ?? "");
        const data = { event: "on_tool_end", toolCallId: answer.tool_call_id, output: answer };
        this.#show({ event: "tools", data });
      }
      if (tools === "task per call") {
        this.#told.add(answer.tool_call_id ?? "");
        const task = this.#tasks[at];
        if (task) task.result = { [key]: [this.#inState(answer)] };
        this.#show({ event: "messages", data: [answer, {}] });
      }
      yield;
    }
    for (const { id } of calls) {
      this.#told.add(id ?? "");
      this.#messages.push(this.#inState(resultOf(id ?? "")));
      if (tools === "one task") this.#show({ event: "messages", data: [resultOf(id ?? ""), {}] });
    }
  }

  /** The next superstep of the agent's graph. */
  #begin(node: string, step: string, calls?: ToolCall[]): void {
    this.#step += 1;
    if (!calls || this.#style.tools === "one task") this.#tasks = [taskOf(node, `${node}-${step}`)];
    else this.#tasks = calls.map(({ id }) => taskOf("tools", `tools-${id}`));
  }

  #shower(id: string | undefined, namespace: string): Show {
    const { form, server } = this.#style;
    return showerFor(form, server, id, { namespace, step: this.#step });
  }

  #show(...parts: StreamPart[]): void {
    this.#parts.push(...structuredClone(parts));
  }

  asCut(): CutRunCase {
    const { place, server, key, reducer } = this.#style;
    const outer = place === "root" ? this.#messages : [...this.#earlier, ...(this.#written ? [this.#asked] : [])];
    const metadata = { step: this.#step - 1 };
    const within = { values: { [key]: this.#messages }, tasks: this.#tasks, metadata };
    const nested = this.#step > 0 ? [{ ...taskOf("researcher", "t"), state: within }] : [];
    const tasks = place === "nested" ? nested : this.#tasks;
    const shown = tasks.flatMap(({ result }) => (result as Record<string, Message[]> | null)?.[key] ?? []);
    const isKnown = (message: Message) => outer.some(({ id }) => id !== undefined && id === message.id);
    const run: CutRun & { run_id: string } = {
      run_id: "run",
      created_at: "2026-01-02T00:00:00Z",
      kwargs: {
        input: { [key]: [{ ...this.#asked }] },
        stream_mode: ["values", "messages-tuple", ...(server === "js" ? ["tools"] : [])],
      },
    };
    const head: State = {
      values: { [key]: [...outer, ...shown.filter((message) => !isKnown(message))] },
      next: [],
      tasks,
      created_at: "2026-01-01T00:00:00Z",
      metadata: { run_id: this.#written ? "run" : "an earlier one" },
    };
    return {
      style: this.#style,
      graph: { ...graphs[place], key, ...(reducer === "by id" ? {} : { reducer }) },
      recording: structuredClone({ run, state: head, parts: this.#parts }),
      earlier: this.#earlier,
      asked: this.#asked,
      spoken: this.#spoken,
      calls: this.#calls,
      asks: this.#asks,
      told: this.#told,
      signatures: this.#signatures,
    };
  }
}

const taskOf = (name: string, id: string): Task => ({ id, name, interrupts: [], result: null });

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
