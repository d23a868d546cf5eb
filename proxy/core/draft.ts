import { AIMessageChunk } from "@langchain/core/messages";
import { acrossGap } from "./across-gap.ts";
import { isObject, type Message, parseObject, type ToolCallChunk } from "./message.ts";
import { ProtocolMessage, type SavedProtocolMessage } from "./protocol-message.ts";
import type { Origin, Streamed } from "./transcript.ts";

/** A message while it streams. */
export interface Draft {
  chunk?: AIMessageChunk;
  message: Message;
  fromChunks: boolean;
  metadata?: Record<string, unknown>;
  protocol?: ProtocolMessage;
  /** The server has said that it is complete. */
  whole?: boolean;
  /** Its beginning may be missing. */
  headless?: boolean;
  /** Nobody is shown it; it tells which calls its tools answer. */
  hidden?: boolean;
  /** What it had said when something in the middle of it went missing; what came since stands apart. */
  beforeGap?: Message;
}

/** A draft as plain JSON; its chunk is put together again from a message. */
export interface SavedDraft extends Omit<Draft, "chunk" | "protocol"> {
  chunk?: Message;
  protocol?: SavedProtocolMessage;
}

/** `hasBegun`: a tool that it calls has, so it must have ended, whether or not its provider said so. */
export function streamedOf(draft: Draft, noted?: Record<string, unknown>, hasBegun = false): Streamed {
  const { beforeGap, headless, protocol } = draft;
  const came = protocol?.toMessage() ?? (draft.chunk ? toMessage(draft.chunk, draft.message) : draft.message);
  const message = beforeGap ? acrossGap(beforeGap, came) : came;
  const complete = hasBegun || isComplete(message, draft);
  const torn = beforeGap !== undefined || protocol?.isTorn === true;
  // In a gap its end may have been told, too.
  const streaming = !complete && !torn && isStreaming(message, draft);
  return {
    message,
    origin: originOf(draft.metadata ?? noted),
    complete,
    ...(streaming ? { streaming } : {}),
    ...(headless ? { headless } : {}),
    ...(torn ? { torn } : {}),
  };
}

/** The draft when something of it may have gone missing; of one that was complete nothing can. */
export function tornDraft(draft: Draft): Draft {
  const { message, complete } = streamedOf(draft);
  if (complete || !(draft.chunk || draft.protocol)) return draft;
  draft.protocol?.tear();
  if (draft.protocol) return draft;
  const rest = { ...draft.message, content: "", tool_calls: [], tool_call_chunks: [] };
  return { ...draft, beforeGap: message, message: rest, chunk: undefined };
}

export function saveDraft({ chunk, protocol, metadata, ...draft }: Draft): SavedDraft {
  return {
    ...draft,
    metadata: metadata && originMetadata(metadata),
    ...(chunk ? { chunk: toMessage(chunk, draft.message) } : {}),
    ...(protocol ? { protocol: protocol.save() } : {}),
  };
}

export function restoreDraft({ chunk, protocol, ...draft }: SavedDraft): Draft {
  return {
    ...draft,
    ...(chunk ? { chunk: asChunk(chunk) } : {}),
    ...(protocol ? { protocol: ProtocolMessage.restore(protocol) } : {}),
  };
}

/** What of a message's metadata tells where it was streamed from. */
export function originMetadata(metadata: Record<string, unknown>) {
  const { langgraph_checkpoint_ns, checkpoint_ns, langgraph_node, langgraph_step } = metadata;
  return { langgraph_checkpoint_ns, checkpoint_ns, langgraph_node, langgraph_step };
}

/** A part of a message, to be merged with what came before. */
export const asChunk = (message: Message): AIMessageChunk => new AIMessageChunk(chunkFields(message));

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
  if ((draft.message as { chunk_position?: unknown }).chunk_position === "last") return true;
  const metadata = message.response_metadata ?? {};
  const bedrock = isObject(metadata.messageStop) ? metadata.messageStop.stopReason : metadata.stopReason;
  const reasons = [metadata.finish_reason, metadata.stop_reason, metadata.finishReason, metadata.done_reason, bedrock];
  // JS Anthropic puts its reason beside the metadata.
  const reason = [...reasons, message.additional_kwargs?.stop_reason].find((given) => given != null);
  if (typeof reason === "string" && reason !== "") return true;
  // JS drops OpenAI's finish reason, but the usage comes after it.
  const counted = metadata.model_provider === "openai" && (message.usage_metadata?.output_tokens ?? 0) !== 0;
  return metadata.status === "completed" || counted;
}

/** Whether an end that wasn't seen had certainly not come: many a provider says nothing when it is done. */
function isStreaming(message: Message, { protocol, message: latest }: Draft): boolean {
  const isHalf = ({ args }: ToolCallChunk) => Boolean(args) && parseObject(args ?? "") === undefined;
  return protocol !== undefined || "chunk_position" in latest || (message.tool_call_chunks ?? []).some(isHalf);
}

/** Where it was streamed from, by the metadata that came along. */
export function originOf(metadata: Record<string, unknown> | undefined): Origin {
  const namespace = metadata?.langgraph_checkpoint_ns ?? metadata?.checkpoint_ns;
  if (typeof namespace !== "string" || namespace === "") {
    return { path: typeof metadata?.langgraph_node === "string" ? [metadata.langgraph_node] : [] };
  }
  const segments = namespace.split("|");
  const [task, ...inner] = segments.map((segment) => /:([^:]*)$/.exec(segment)?.[1]);
  const step = metadata?.langgraph_step;
  return {
    path: segments.map((segment) => segment.replace(/:[^:]*$/, "")),
    task,
    ...(inner.length > 0 ? { inner } : {}),
    ...(typeof step === "number" ? { step } : {}),
  };
}
