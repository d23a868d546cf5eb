import { AIMessageChunk } from "@langchain/core/messages";
import { isAI, isMessage, isObject, isTool, type Message, typeOf } from "./message.ts";
import { ProtocolMessage } from "./protocol-message.ts";
import type { CallTrace, Origin, Streamed, StreamPart, Transcript } from "./transcript.ts";

interface Draft {
  chunk?: AIMessageChunk;
  message: Message;
  fromChunks: boolean;
  metadata?: Record<string, unknown>;
  protocol?: ProtocolMessage;
  /** The server has said that it is complete. */
  whole?: boolean;
}

/**
 * Folds the parts of one run's stream, from its start, into its transcript.
 *
 * Understands `messages` tuples, `messages/partial|complete|metadata`, `tools`
 * `metadata`, and the `messages` of v2-protocol runs.
 */
export class TranscriptFold {
  #first = true;
  #whole = false;
  #order: string[] = [];
  #drafts = new Map<string, Draft>();
  #metadata = new Map<string, Record<string, unknown>>();
  #calls = new Map<string, CallTrace>();
  #callers = new Map<string, string>();
  #speaking = new Map<string, ProtocolMessage>();
  #events?: TranscriptFold;

  add(part: StreamPart): void {
    const [event = "", ...segments] = part.event.split("|");
    if (this.#first) this.#whole = event === "metadata";
    this.#first = false;
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
    const calls = new Map([...(events?.calls ?? []), ...this.#calls]);
    // What a stream tells twice counts once.
    if (events && this.#order.length === 0) return { ...events, whole: this.#whole, calls };
    const replies = this.#order.flatMap((id): Streamed[] => {
      const draft = this.#drafts.get(id);
      if (!draft) return [];
      const message =
        draft.protocol?.toMessage() ?? (draft.chunk ? toMessage(draft.chunk, draft.message) : draft.message);
      const origin = originOf(draft.metadata ?? this.#metadata.get(id));
      return [{ message, origin, complete: isComplete(message, draft) }];
    });
    return { whole: this.#whole, replies, calls };
  }

  #tuple(data: unknown): void {
    if (!Array.isArray(data) || !isMessage(data[0])) return;
    const [message, metadata] = data as [Message, unknown];
    if (isTool(message)) this.#result(message);
    if (!isAI(message)) return;
    const id = message.id ?? `without an id, ${isObject(metadata) ? metadata.langgraph_checkpoint_ns : ""}`;
    const draft = this.#drafts.get(id);
    const chunked = message.type.endsWith("Chunk");
    // JS names chunks and whole messages alike; Python sends a whole one last, to take the chunks' place.
    if (draft?.fromChunks && !chunked) draft.chunk = undefined;
    const chunk = new AIMessageChunk(chunkFields(message));
    const merged = draft?.chunk ? draft.chunk.concat(chunk) : chunk;
    this.#put(id, {
      chunk: merged,
      message: { ...draft?.message, ...message },
      fromChunks: chunked || (draft?.fromChunks ?? false),
      metadata: isObject(metadata) ? metadata : draft?.metadata,
    });
  }

  /** Events of the v2 protocol. JS names the model call in each; Python's go to the last message begun in its namespace. */
  #protocol(data: Record<string, unknown>, segments: string[]): void {
    const event = unwrap(data);
    if (!isObject(event)) return;
    const namespace = namespaceIn(data) ?? segments;
    const speaker = typeof event.run_id === "string" ? event.run_id : namespace.join("|");
    if (event.event === "message-start") {
      const message = new ProtocolMessage(event);
      const id = message.id ?? `without an id, ${speaker}`;
      this.#speaking.set(speaker, message);
      const metadata = { langgraph_checkpoint_ns: namespace.join("|") };
      this.#put(id, { message: message.toMessage(), fromChunks: true, metadata, protocol: message });
    } else this.#speaking.get(speaker)?.add(event);
  }

  /** The `events` mode, for runs whose stream has no other text. */
  #event(data: unknown): void {
    if (!isObject(data) || !isObject(data.data)) return;
    this.#events ??= new TranscriptFold();
    if (data.event === "on_chat_model_stream") {
      this.#events.add({ event: "messages", data: [data.data.chunk, data.metadata] });
    }
    if (data.event === "on_tool_end") this.#events.add({ event: "messages", data: [data.data.output] });
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
    if (event === "on_tool_error") trace.result ??= failure(id, data);
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

/** Python wraps the events of the v2 protocol: `{ params: { namespace, data } }`. */
const unwrap = (data: unknown): unknown => (isObject(data) && isObject(data.params) ? data.params.data : data);

function namespaceIn({ params }: Record<string, unknown>): string[] | undefined {
  const namespace = isObject(params) ? params.namespace : undefined;
  return Array.isArray(namespace) ? namespace.map(String) : undefined;
}

function chunkFields(message: Message) {
  return {
    content: message.content ?? "",
    id: message.id ?? undefined,
    name: message.name ?? undefined,
    additional_kwargs: message.additional_kwargs ?? {},
    response_metadata: message.response_metadata ?? {},
    usage_metadata: message.usage_metadata ?? undefined,
    ...(message.tool_call_chunks?.length
      ? { tool_call_chunks: message.tool_call_chunks }
      : { tool_calls: message.tool_calls ?? [] }),
  } as ConstructorParameters<typeof AIMessageChunk>[0];
}

function toMessage(chunk: AIMessageChunk, latest: Message): Message {
  return {
    type: latest.type,
    id: latest.id,
    content: chunk.content as Message["content"],
    name: chunk.name,
    tool_calls: chunk.tool_calls as Message["tool_calls"],
    tool_call_chunks: chunk.tool_call_chunks as Message["tool_call_chunks"],
    additional_kwargs: chunk.additional_kwargs,
    response_metadata: chunk.response_metadata,
    usage_metadata: chunk.usage_metadata as Message["usage_metadata"],
    ...("chunk_position" in latest ? { chunk_position: latest.chunk_position } : {}),
  };
}

/** How providers say that they are done; a message that did not come in chunks is whole by itself. */
function isComplete(message: Message, draft: Draft): boolean {
  if (draft.protocol) return draft.protocol.complete;
  if (draft.whole) return true;
  if (draft.fromChunks && typeOf(draft.message) === "ai" && !draft.message.type.endsWith("Chunk")) return true;
  if ((draft.message as { chunk_position?: unknown }).chunk_position === "last") return true;
  const metadata = message.response_metadata ?? {};
  const reasons = [metadata.finish_reason, metadata.stop_reason, metadata.finishReason, metadata.done_reason];
  // JS Anthropic puts its reason beside the metadata.
  const reason = [...reasons, message.additional_kwargs?.stop_reason].find((given) => given != null);
  if (typeof reason === "string" && reason !== "") return true;
  // JS drops OpenAI's finish reason, but the usage comes after it.
  const counted = metadata.model_provider === "openai" && (message.usage_metadata?.output_tokens ?? 0) !== 0;
  return metadata.status === "completed" || counted;
}

function originOf(metadata: Record<string, unknown> | undefined): Origin {
  const namespace = metadata?.langgraph_checkpoint_ns ?? metadata?.checkpoint_ns;
  if (typeof namespace !== "string" || namespace === "") {
    return { path: typeof metadata?.langgraph_node === "string" ? [metadata.langgraph_node] : [] };
  }
  const segments = namespace.split("|");
  const [root = ""] = segments;
  return {
    path: segments.map((segment) => segment.replace(/:[^:]*$/, "")),
    task: root.slice(root.lastIndexOf(":") + 1),
  };
}
/** A tool that failed by itself has ended. JS servers don't say with which error; a stop makes none, it ends the stream first. */
function failure(callId: string, { name, error }: Record<string, unknown>): Message {
  const reason = isObject(error) && typeof error.message === "string" ? `: ${error.message}` : "";
  return {
    type: "tool",
    tool_call_id: callId,
    name: typeof name === "string" ? name : undefined,
    content: `This tool call failed${reason || "; its error is not known"}.`,
    status: "error",
  };
}

/** The tool message in a tool's output: the output itself, or what a `Command` adds to the conversation. */
function resultIn(output: unknown, callId: string): Message | undefined {
  const candidates: unknown[] = [output];
  if (isObject(output) && isObject(output.update)) {
    for (const value of Object.values(output.update)) if (Array.isArray(value)) candidates.push(...value);
  }
  return candidates.find(
    (candidate): candidate is Message => isMessage(candidate) && isTool(candidate) && candidate.tool_call_id === callId,
  );
}
