import { callKey } from "./cut.ts";
import {
  asChunk,
  type Draft,
  originMetadata,
  originOf,
  restoreDraft,
  type SavedDraft,
  saveDraft,
  streamedOf,
  tornDraft,
} from "./draft.ts";
import { isAI, isMessage, isObject, isTool, type Message, textOf } from "./message.ts";
import { ProtocolMessage } from "./protocol-message.ts";
import { isHead } from "./snapshot.ts";
import { toolsToldBy } from "./tool-events.ts";
import { failure, resultIn } from "./tool-result.ts";
import type { CallTrace, Origin, Streamed, StreamPart, Transcript } from "./transcript.ts";

/** A fold as plain JSON: what has streamed so far, as far as it may still be needed. */
export interface SavedFold {
  whole: boolean;
  tornAt?: number;
  drafts: [id: string, draft: SavedDraft][];
  metadata: [id: string, metadata: Record<string, unknown>][];
  calls: [id: string, trace: CallTrace][];
  callers: [callId: string, messageId: string][];
  speaking: [speaker: string, messageId: string][];
  events?: SavedFold;
}

/**
 * Folds the parts of one run's stream, from its start, into its transcript.
 *
 * Understands `messages` tuples, `messages/partial|complete|metadata`, `tools`,
 * `events`, `metadata`, and the `messages` of v2-protocol runs.
 */
export class TranscriptFold {
  #first = true;
  #whole = false;
  /** What comes now may be in the middle of a reply, if it is not among those from here on; undefined: nothing is missing. */
  #tornAt?: number;
  #order: string[] = [];
  #drafts = new Map<string, Draft>();
  #metadata = new Map<string, Record<string, unknown>>();
  #calls = new Map<string, CallTrace>();
  #callers = new Map<string, string>();
  #speaking = new Map<string, ProtocolMessage[]>();
  #events?: TranscriptFold;

  add(part: StreamPart): void {
    const [event = "", ...segments] = part.event.split("|");
    if (this.#first) [this.#whole, this.#tornAt] = [isHead(part), 0];
    this.#first = false;
    // It begins, or is tried again: nothing that comes now has begun before.
    if (event === "metadata") this.#tornAt = undefined;
    if (event === "messages" && isObject(part.data)) this.#protocol(part.data, segments);
    else if (event === "messages") this.#tuple(part.data);
    else if (event === "messages/partial" || event === "messages/complete")
      this.#snapshots(part.data, event === "messages/complete");
    else if (event === "messages/metadata") this.#note(part.data);
    else if (event === "tools") this.#tool(unwrap(part.data));
    else if (event === "events") this.#event(part.data);
  }

  transcript(): Transcript {
    const events = this.#events?.transcript();
    const calls = new Map([...(events?.calls ?? []), ...this.#calls].map(([id]) => [id, this.#traceOf(id, events)]));
    // What a stream tells twice counts once.
    if (events && this.#order.length === 0) return { ...events, whole: this.#whole, calls };
    return { whole: this.#whole, replies: this.#replies(calls, (draft) => !draft.hidden), calls };
  }

  #replies(calls: Map<string, CallTrace>, isWanted: (draft: Draft) => boolean): Streamed[] {
    const calling = new Set([...calls.keys()].map((id) => this.#callers.get(id)));
    return this.#order.flatMap((id) => {
      const draft = this.#drafts.get(id);
      return draft && isWanted(draft) ? [streamedOf(draft, this.#metadata.get(id), calling.has(id))] : [];
    });
  }

  #traceOf(id: string, events?: Transcript): CallTrace {
    const traces = [this.#calls.get(id), events?.calls.get(id)];
    const result = traces.find((trace) => trace?.result)?.result;
    return { fromEvents: traces.some((trace) => trace?.fromEvents), ...(result ? { result } : {}) };
  }

  /** What is left to know when the thread's state has this: messages by id, answered calls by `callKey`. */
  save(stored: ReadonlySet<string> = new Set()): SavedFold {
    return this.#save(stored, (id) => !stored.has(id) && !this.#isInTools(id));
  }

  #save(stored: ReadonlySet<string>, isNeeded: (id: string) => boolean): SavedFold {
    const open = this.#order.filter(isNeeded);
    const speaking = [...this.#speaking].flatMap(([speaker, messages]) =>
      open
        .filter((id) => messages.some((message) => this.#drafts.get(id)?.protocol === message))
        .map((id): [string, string] => [speaker, id]),
    );
    const events = this.#events;
    return {
      whole: this.#whole,
      ...(this.#tornAt === undefined ? {} : { tornAt: this.#order.slice(0, this.#tornAt).filter(isNeeded).length }),
      drafts: open.flatMap((id) => {
        const draft = this.#drafts.get(id);
        return draft ? [[id, saveDraft(draft)] as [string, SavedDraft]] : [];
      }),
      metadata: [...this.#metadata]
        .filter(([id]) => !stored.has(id))
        .map(([id, metadata]) => [id, originMetadata(metadata)]),
      calls: [...this.#calls].map(([id, trace]) => [id, this.#isAnswered(id, stored) ? withoutResult(trace) : trace]),
      callers: [...this.#callers],
      speaking,
      // A tool that starts is told from the others by the reply that called it.
      ...(events
        ? { events: events.#save(stored, (id) => events.#waits(id) || (!stored.has(id) && !events.#isInTools(id))) }
        : {}),
    };
  }

  /** What is said inside a tool is not the conversation's. */
  #isInTools(id: string): boolean {
    return originOf(this.#drafts.get(id)?.metadata ?? this.#metadata.get(id)).path.includes("tools");
  }

  #isAnswered(callId: string, stored: ReadonlySet<string>): boolean {
    const id = this.#callers.get(callId);
    return id !== undefined && stored.has(callKey({ id }, callId));
  }

  /** Whether a tool that the message called has not ended, as far as is known. */
  #waits(id: string): boolean {
    return [...this.#callers].some(([callId, messageId]) => messageId === id && !this.#calls.get(callId)?.result);
  }

  /** A fold that goes on where the saved one stood. */
  static restore(saved: SavedFold): TranscriptFold {
    const fold = new TranscriptFold();
    fold.#first = false;
    fold.#whole = saved.whole;
    fold.#tornAt = saved.tornAt;
    fold.#order = saved.drafts.map(([id]) => id);
    fold.#drafts = new Map(saved.drafts.map(([id, draft]) => [id, restoreDraft(draft)]));
    fold.#metadata = new Map(saved.metadata);
    fold.#calls = new Map(saved.calls);
    fold.#callers = new Map(saved.callers);
    for (const [speaker, id] of saved.speaking) {
      const message = fold.#drafts.get(id)?.protocol;
      if (message) fold.#speaking.set(speaker, [...(fold.#speaking.get(speaker) ?? []), message]);
    }
    if (saved.events) fold.#events = TranscriptFold.restore(saved.events);
    return fold;
  }

  /** Something is missing between what was folded and what comes now. */
  tear(): void {
    this.#whole = false;
    this.#tornAt = this.#order.length;
    for (const [id, draft] of this.#drafts) this.#drafts.set(id, tornDraft(draft));
    this.#events?.tear();
  }

  get isWhole(): boolean {
    return this.#whole;
  }

  /** Where the stream is torn, a reply that begins with a word may have begun before; a speaker's second one since has not. */
  #isHeadless({ content }: Message, { path, task }: Origin): boolean {
    if (this.#tornAt === undefined || textOf(content) === "") return false;
    const speaker = JSON.stringify([path, task]);
    return !this.#order.slice(this.#tornAt).some((id) => {
      const origin = originOf(this.#drafts.get(id)?.metadata);
      return JSON.stringify([origin.path, origin.task]) === speaker;
    });
  }

  #tuple(data: unknown, hidden?: boolean): void {
    if (!Array.isArray(data) || !isMessage(data[0])) return;
    const [message, metadata] = data as [Message, unknown];
    if (isTool(message)) this.#result(message);
    if (!isAI(message)) return;
    const id = message.id ?? `without an id, ${isObject(metadata) ? metadata.langgraph_checkpoint_ns : ""}`;
    const draft = this.#drafts.get(id);
    const chunked = message.type.endsWith("Chunk");
    // JS names chunks and whole messages alike; Python sends a whole one last, to take the chunks' place.
    if (draft?.fromChunks && !chunked) draft.chunk = draft.beforeGap = draft.headless = undefined;
    const chunk = asChunk(message);
    const merged = draft?.chunk ? draft.chunk.concat(chunk) : chunk;
    this.#put(id, {
      chunk: merged,
      message: { ...draft?.message, ...message },
      fromChunks: chunked || (draft?.fromChunks ?? false),
      whole: !chunked && (draft ? draft.fromChunks : message.tool_call_chunks === undefined),
      beforeGap: draft?.beforeGap,
      metadata: isObject(metadata) ? metadata : draft?.metadata,
      ...(hidden ? { hidden } : {}),
      headless: draft ? draft.headless : this.#isHeadless(message, originOf(isObject(metadata) ? metadata : undefined)),
    });
  }

  /** Events of the v2 protocol. JS names the model call in each, and its node; Python only the graph, in which several may speak at once. */
  #protocol(data: Record<string, unknown>, segments: string[]): void {
    const event = unwrap(data);
    if (!isObject(event)) return;
    const graph = namespaceIn(data);
    const namespace = graph?.length ? [...graph, "some node of it"] : (graph ?? segments);
    const speaker = typeof event.run_id === "string" ? event.run_id : namespace.join("|");
    if (event.event === "message-start") {
      this.#speak(speaker, namespace, event);
    } else {
      // Where the stream is torn, the message may have begun before.
      const isContent = String(event.event).startsWith("content-block-");
      if (this.#tornAt !== undefined && isContent && !this.#speaking.has(speaker))
        this.#speak(speaker, namespace, {}, true);
      const latestFirst = (this.#speaking.get(speaker) ?? []).toReversed();
      (latestFirst.find((message) => message.awaits(event)) ?? latestFirst[0])?.add(event);
    }
  }

  #speak(speaker: string, namespace: string[], start: Record<string, unknown>, headless?: boolean): void {
    const message = new ProtocolMessage(start);
    const id = message.id ?? `without an id, ${speaker}`;
    const unfinished = (this.#speaking.get(speaker) ?? []).filter(({ complete }) => !complete);
    this.#speaking.set(speaker, [...unfinished, message]);
    // JS shows in the same way what a node says in another's name.
    if (typeof start.role === "string" && !isAI({ type: start.role })) return;
    const metadata = { langgraph_checkpoint_ns: namespace.join("|") };
    this.#put(id, { message: message.toMessage(), fromChunks: true, metadata, protocol: message, headless });
  }

  /** The `events` mode, for runs whose stream has no other text, or tells of tools in no other way. */
  #event(event: unknown): void {
    if (!isObject(event) || !isObject(event.data)) return;
    const { data, metadata } = event;
    this.#events ??= this.#beside();
    const hidden = isHidden(event.tags);
    if (event.event === "on_chat_model_stream") this.#events.#tuple([data.chunk, metadata], hidden);
    // A model that doesn't stream says it all at the end.
    const { output } = data;
    const isNew = isMessage(output) && output.id && !this.#events.#drafts.has(output.id);
    if (event.event === "on_chat_model_end" && isNew) this.#events.#tuple([output, metadata], hidden);
    if (String(event.event).startsWith("on_tool_")) {
      const calls = this.#events.#calls;
      const replies = this.#events.#replies(calls, () => true);
      for (const told of toolsToldBy({ ...event, data }, replies, calls)) this.#events.#tool(told);
    }
  }

  /** For another telling of the same run: torn, where this one is. */
  #beside(): TranscriptFold {
    const fold = new TranscriptFold();
    fold.#first = false;
    if (this.#tornAt !== undefined) fold.#tornAt = 0;
    return fold;
  }

  #snapshots(data: unknown, whole: boolean): void {
    for (const message of Array.isArray(data) ? data : []) {
      if (!isMessage(message)) continue;
      if (isTool(message)) this.#result(message);
      else if (isAI(message) && message.id) {
        const draft = this.#drafts.get(message.id);
        // Whoever asks for tuples as well has all of it in them.
        if (draft?.chunk) draft.whole ||= whole;
        else this.#put(message.id, { message, fromChunks: message.type.endsWith("Chunk"), whole });
      }
    }
  }

  #note(data: unknown): void {
    if (!isObject(data)) return;
    for (const [id, entry] of Object.entries(data)) {
      if (isObject(entry) && isObject(entry.metadata)) this.#metadata.set(id, entry.metadata);
    }
  }

  #tool(data: unknown): void {
    if (!isObject(data)) return;
    const id = data.toolCallId ?? data.tool_call_id;
    if (typeof id !== "string") return;
    const trace = this.#calls.get(id) ?? { fromEvents: true };
    trace.fromEvents = true;
    this.#calls.set(id, trace);
    const event = String(data.event);
    // What it came to before it was tried again is no result.
    if (event === "on_tool_start" || event === "tool-started") trace.result = undefined;
    if (event === "on_tool_error" || event === "tool-error") trace.result ??= failure(id, data);
    if (event === "on_tool_end" || event === "tool-finished") trace.result = resultIn(data.output, id) ?? trace.result;
  }

  #result(message: Message): void {
    const id = message.tool_call_id;
    if (id) this.#calls.set(id, { fromEvents: this.#calls.get(id)?.fromEvents ?? false, result: message });
  }

  /** A reply has called; what was told of another call under the same id is not this one's. */
  #called(messageId: string, calls: { id?: string | null }[] = []): void {
    for (const { id } of calls) {
      if (!id || this.#callers.get(id) === messageId) continue;
      if (this.#callers.has(id)) this.#calls.delete(id);
      this.#callers.set(id, messageId);
    }
  }

  #put(id: string, draft: Draft): void {
    this.#called(id, draft.message.tool_call_chunks);
    this.#called(id, draft.message.tool_calls);
    if (!this.#drafts.has(id)) this.#order.push(id);
    this.#drafts.set(id, draft);
  }
}

const withoutResult = ({ fromEvents }: CallTrace): CallTrace => ({ fromEvents });

/** Python wraps the events of the v2 protocol: `{ params: { namespace, data } }`. */
const unwrap = (data: unknown): unknown => (isObject(data) && isObject(data.params) ? data.params.data : data);

/** Models whose words the `messages` modes leave out bear one of these tags. */
const isHidden = (tags: unknown): boolean =>
  Array.isArray(tags) && (tags.includes("nostream") || tags.includes("langsmith:nostream"));

function namespaceIn({ params }: Record<string, unknown>): string[] | undefined {
  const namespace = isObject(params) ? params.namespace : undefined;
  return Array.isArray(namespace) ? namespace.map(String) : undefined;
}
