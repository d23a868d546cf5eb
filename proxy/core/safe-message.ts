import type { Content, ContentBlock, Message, ToolCall } from "./message.ts";
import { isObject, textOf } from "./message.ts";
import type { Streamed } from "./transcript.ts";

/** What a cut reply may keep of its provider's metadata: nothing by which the provider would look up what it never stored. */
const keptMetadata = ["model_name", "model", "model_provider", "finish_reason", "stop_reason"];

/** Raw copies of the calls, which go back to the provider as they are, half-streamed ones included. */
const rawCalls = ["tool_calls", "function_call", "reasoning", "tool_outputs"];

/**
 * A streamed reply as any provider will take it back, or undefined if nothing of it is left.
 *
 * Cut replies lose what cannot be sent again: arguments that were still
 * streaming, reasoning that was cut and its signature, provider item ids,
 * trailing white space. Every word of text stays. Id and name are kept.
 */
export function safeMessage({ message, complete }: Streamed): Message | undefined {
  const calls = completeCalls(message, complete);
  const content = complete ? message.content : withCalls(cutContent(message.content), message.content, calls);
  const said = textOf(content).trim() !== "" || hasMedia(content) || Boolean(message.additional_kwargs?.refusal);
  if (calls.length === 0 && !said) return undefined;
  return {
    type: "ai",
    ...(message.id ? { id: message.id } : {}),
    ...(message.name ? { name: message.name } : {}),
    content,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    additional_kwargs: without(message.additional_kwargs, rawCalls),
    response_metadata: complete ? { ...message.response_metadata } : pick(message.response_metadata, keptMetadata),
    ...(message.usage_metadata ? { usage_metadata: message.usage_metadata } : {}),
  };
}

/** The calls whose arguments had all streamed: a JSON object that closes cannot go on. */
function completeCalls(message: Message, complete: boolean): ToolCall[] {
  const chunks = message.tool_call_chunks ?? [];
  if (chunks.length === 0) return (message.tool_calls ?? []).filter((call) => call.id && call.name).map(plainCall);
  return chunks.flatMap(({ id, name, args }): ToolCall[] => {
    if (!id || !name) return [];
    const parsed = args ? parseObject(args) : complete ? {} : undefined;
    return parsed ? [{ id, name, args: parsed, type: "tool_call" }] : [];
  });
}

const plainCall = ({ id, name, args }: ToolCall): ToolCall => ({ id, name, args, type: "tool_call" });

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function cutContent(content: Content): Content {
  if (typeof content === "string") return content.trimEnd();
  const kept = content.filter(isWhole).map(({ index: _index, ...block }) => block);
  const last = kept.findLastIndex(isText);
  const trimmed = kept.map((block, at) => {
    if (!isText(block)) return block;
    const { id: _id, ...rest } = block;
    return { ...rest, text: at === last ? block.text?.trimEnd() : block.text };
  });
  // A turn may not end in thinking, signed or not.
  const end = trimmed.findLastIndex((block) => !isThinking(block));
  return trimmed.slice(0, end + 1);
}

const isText = (block: ContentBlock) => typeof block.text === "string";

const isThinking = ({ type }: ContentBlock) => type === "thinking" || type === "redacted_thinking";

/** Anthropic's calls stand in the content, too; those that are kept go back in whole. */
function withCalls(content: Content, streamed: Content, calls: ToolCall[]): Content {
  if (typeof content === "string" || typeof streamed === "string" || !streamed.some(isCallBlock)) return content;
  return [...content, ...calls.map(({ id, name, args }) => ({ type: "tool_use", id, name, input: args }))];
}

const callBlocks = ["tool_use", "tool_call", "tool_call_chunk", "input_json_delta", "function_call"];

export const isCallBlock = (block: ContentBlock): boolean => callBlocks.includes(block.type ?? "text");

/** Text stays whatever happened; a thinking block only with its signature; calls and provider items never. */
function isWhole(block: ContentBlock): boolean {
  if (isText(block) || (block.type ?? "text") === "text") return (block.text ?? "").trim() !== "";
  if (block.type === "thinking") return typeof block.signature === "string" && block.signature !== "";
  // A provider's own tool that was cut has no result, and is refused without one.
  return block.type !== "reasoning" && block.type !== "server_tool_use" && !isCallBlock(block);
}

const hasMedia = (content: Content): boolean =>
  typeof content !== "string" &&
  content.some((block) => !["text", "thinking", "redacted_thinking", "reasoning"].includes(block.type ?? "text"));

const without = (record: Record<string, unknown> = {}, keys: string[]) =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));

const pick = (record: Record<string, unknown> = {}, keys: string[]) =>
  Object.fromEntries(Object.entries(record).filter(([key]) => keys.includes(key)));
