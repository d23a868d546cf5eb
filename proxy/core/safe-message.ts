import type { Content, ContentBlock, Message, ToolCall } from "./message.ts";
import { blocksOf, isObject, parseObject, textOf } from "./message.ts";
import type { Streamed } from "./transcript.ts";
import { fromWholeWord } from "./whole-words.ts";

/** What a cut reply may keep of its provider's metadata: nothing by which the provider would look up what it never stored. */
const keptMetadata = ["model_name", "model", "model_provider", "finish_reason", "stop_reason"];

/** What would go back to the provider as it came, half-streamed calls included. */
const rawFields = ["tool_calls", "function_call", "reasoning", "tool_outputs", "refusal"];

/** Where LangChain keeps the provider's ids of calls. */
const callIds = ["__openai_function_call_ids__", "__openai_custom_tool_call_ids__"];

/**
 * A streamed reply as any provider will take it back, or undefined if nothing of it is left.
 *
 * Cut replies lose what cannot be sent again: arguments that were still
 * streaming, reasoning that was cut and its signature, provider item ids,
 * trailing white space. Every word of text stays. Id and name are kept.
 */
export function safeMessage({
  message,
  complete,
  headless,
}: Pick<Streamed, "message" | "complete" | "headless">): Message | undefined {
  const calls = completeCalls(message, complete);
  const said = headless ? fromWholeWord(withRefusal(message)) : withRefusal(message);
  const content = complete ? withInputs(said, calls) : withCalls(cutContent(said, calls), said, calls);
  if (calls.length === 0 && textOf(content).trim() === "" && !hasMedia(content)) return undefined;
  return {
    type: "ai",
    ...(message.id ? { id: message.id } : {}),
    ...(message.name ? { name: message.name } : {}),
    content,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    additional_kwargs: without(message.additional_kwargs, complete ? rawFields : [...rawFields, ...callIds]),
    response_metadata: complete ? { ...message.response_metadata } : pick(message.response_metadata, keptMetadata),
    ...(message.usage_metadata ? { usage_metadata: message.usage_metadata } : {}),
  };
}

/** A stored reply without its calls, as if it had been cut before them. */
export function withoutCalls({ tool_calls: _calls, tool_call_chunks: _chunks, ...message }: Message) {
  const spoken = safeMessage({ message, complete: false });
  const stopped = pick(message.response_metadata, ["stopped"]);
  return spoken && { ...spoken, response_metadata: { ...spoken.response_metadata, ...stopped } };
}

/** A refusal is said in words; as a field or a part of its own, only the provider who said it takes it back. */
function withRefusal({ content, additional_kwargs }: Message): Content {
  const refusal = typeof additional_kwargs?.refusal === "string" ? additional_kwargs.refusal : "";
  if (typeof content === "string") return content + refusal;
  const said = blocksOf(content).map(({ refusal, ...block }) =>
    block.type === "refusal" ? { ...block, type: "text", text: String(refusal) } : block,
  );
  return refusal ? [...said, { type: "text", text: refusal }] : said;
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

/** Text stays whatever happened, and images; thinking with its signature. Nothing else is sure to be taken back: a provider's own tool needs its result, and reasoning goes by an id. */
function cutContent(content: Content, calls: ToolCall[]): Content {
  if (typeof content === "string") return content.trimEnd();
  // Other providers' models pass redacted thinking on, and the rest of the thinking can't go without it.
  const isRedacted = content.some(({ type }) => type === "redacted_thinking");
  const isKept = (block: ContentBlock) =>
    isText(block) ? block.text?.trim() !== "" : isImage(block) || (isSigned(block) && !isRedacted);
  const kept = withoutLastThinking(content).filter(isKept);
  const last = kept.findLastIndex(isText);
  const isCited = content.every((block) => isText(block) || isThinking(block) || isImage(block));
  const trimmed = kept.map(({ index: _index, ...block }, at) => {
    if (!isText(block)) return block;
    const { id: _id, citations, ...rest } = block;
    const text = at === last ? block.text?.trimEnd() : block.text;
    return { ...rest, type: "text", text, ...(isCited && citations ? { citations } : {}) };
  });
  return calls.length > 0 ? trimmed : withoutLastThinking(trimmed);
}

/** What was last thought may have been cut, and no turn may end in it. */
const withoutLastThinking = (blocks: ContentBlock[]) =>
  blocks.slice(0, blocks.findLastIndex((block) => !isThinking(block)) + 1);

const isText = (block: ContentBlock) => typeof block.text === "string" && !isThinking(block);

const isImage = ({ type }: ContentBlock) => type === "image" || type === "image_url";

const isThinking = ({ type = "text" }: ContentBlock) =>
  ["thinking", "redacted_thinking", "reasoning", "reasoning_content"].includes(type);

/** Anthropic's thinking, and the same by Bedrock. */
function isSigned({ type, signature, reasoning_content: bedrock }: ContentBlock): boolean {
  const given = type === "thinking" ? signature : isObject(bedrock) ? bedrock.signature : undefined;
  return typeof given === "string" && given !== "";
}

/** Anthropic's calls stand in the content, too; those that are kept go back in whole. */
function withCalls(content: Content, streamed: Content, calls: ToolCall[]): Content {
  if (typeof content === "string" || typeof streamed === "string" || !streamed.some(isCallBlock)) return content;
  return [...content, ...calls.map(({ id, name, args }) => ({ type: "tool_use", id, name, input: args }))];
}

/** While it streams, the input of Anthropic's call stands apart from its block; other providers' models pass that on. */
function withInputs(content: Content, calls: ToolCall[]): Content {
  if (typeof content === "string") return content;
  const deltas = content.filter(({ type }) => type === "input_json_delta");
  return content
    .filter((block) => !deltas.includes(block))
    .map((block) => {
      if (!block.type?.endsWith("tool_use") || typeof block.input !== "string") return block;
      const streamed = deltas.filter(({ index }) => index === block.index).map(({ input }) => String(input ?? ""));
      const input = calls.find(({ id }) => id === block.id)?.args ?? parseObject([block.input, ...streamed].join(""));
      return { ...block, input: input ?? {} };
    });
}

const callBlocks = ["tool_use", "tool_call", "tool_call_chunk", "input_json_delta", "function_call"];

export const isCallBlock = (block: ContentBlock): boolean => callBlocks.includes(block.type ?? "text");

const hasMedia = (content: Content): boolean =>
  typeof content !== "string" && content.some((block) => !isText(block) && !isThinking(block));

const without = (record: Record<string, unknown> = {}, keys: string[]) =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));

const pick = (record: Record<string, unknown> = {}, keys: string[]) =>
  Object.fromEntries(Object.entries(record).filter(([key]) => keys.includes(key)));
