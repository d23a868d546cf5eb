import { type ContentBlock, isAI, isTool, type Message, textOf } from "../../proxy/core/message.ts";
import type { AnthropicBlock, AnthropicMessage } from "./anthropic-rules.ts";
import type { OpenAIMessage } from "./openai-rules.ts";

/** Blocks that LangChain's OpenAI model leaves out of what it sends; all others it passes on. `function_call` is Python's. */
const notForOpenAI = ["thinking", "reasoning", "reasoning_content", "tool_use", "tool_call", "function_call"];

/** Blocks that LangChain's Anthropic model leaves out of what it sends: another provider's reasoning and calls. What it may not know, Anthropic doesn't. */
const notForAnthropic = ["reasoning", "tool_call", "function_call", "input_json_delta"];

/** Blocks that LangChain's Bedrock model has names of its own for; the rules are Anthropic's. */
const bedrock: Record<string, (block: ContentBlock) => ContentBlock> = {
  reasoning_content: ({ reasoning_content: told }) => {
    const { text, signature } = told as { text: string; signature?: string };
    return { type: "thinking", thinking: text, signature };
  },
};

/** A thread's message as LangChain's OpenAI model sends it; raw calls go along where there are no parsed ones. */
export function toOpenAI(message: Message): OpenAIMessage {
  const content =
    typeof message.content === "string"
      ? message.content
      : message.content.filter(({ type }) => !notForOpenAI.includes(type ?? "text")).map(asImageUrl);
  if (isTool(message)) return { role: "tool", content, tool_call_id: message.tool_call_id };
  if (!isAI(message)) return { role: message.type === "human" ? "user" : message.type, content };
  const parsed = (message.tool_calls ?? []).map(({ id, name, args }) => ({
    id: id ?? "",
    function: { name, arguments: JSON.stringify(args) },
  }));
  const raw = message.additional_kwargs?.tool_calls as OpenAIMessage["tool_calls"];
  const calls = parsed.length > 0 ? parsed : raw;
  return { role: "assistant", content, ...(calls ? { tool_calls: calls } : {}) };
}

const asImageUrl = (block: ContentBlock): ContentBlock =>
  block.type === "image" && "source_type" in block ? { type: "image_url", image_url: { url: block.data } } : block;

/** A thread's messages as LangChain's Anthropic model sends them, the system prompt apart. */
export function toAnthropic(messages: readonly Message[]): AnthropicMessage[] {
  return messages.flatMap((message): AnthropicMessage[] => {
    if (message.type === "system") return [];
    if (isTool(message)) {
      const result = { type: "tool_result", tool_use_id: message.tool_call_id, content: message.content };
      return [{ role: "user", content: [result] }];
    }
    if (!isAI(message)) return [{ role: message.type === "human" ? "user" : message.type, content: blocksOf(message) }];
    return [{ role: "assistant", content: [...blocksOf(message), ...callsOf(message)] }];
  });
}

function blocksOf({ content, tool_calls: calls }: Message): AnthropicBlock[] {
  if (typeof content === "string") return content === "" && calls?.length ? [] : [{ type: "text", text: content }];
  const blocks = content.map(asBlock).filter(({ type }) => !notForAnthropic.includes(type));
  return blocks.map(withInput);
}

/** While a call streams, its block's input is text. */
function withInput(block: AnthropicBlock): AnthropicBlock {
  if (block.type !== "tool_use" || typeof block.input !== "string") return block;
  try {
    return { ...block, input: JSON.parse(block.input) };
  } catch (error) {
    if (error instanceof SyntaxError) return { ...block, input: {} };
    throw error;
  }
}

function callsOf({ content, tool_calls: calls = [] }: Message): AnthropicBlock[] {
  const blocks = typeof content === "string" ? [] : content.filter(({ type }) => type === "tool_use");
  const written = blocks.map(({ id }) => id);
  return calls
    .filter(({ id }) => !written.includes(id))
    .map(({ id, name, args }) => ({ type: "tool_use", id: id ?? "", name, input: args }));
}

function asBlock(block: ContentBlock): AnthropicBlock {
  if (block.type === "image_url") return { type: "image", source: block.image_url };
  return { type: "", ...(bedrock[block.type ?? ""]?.(block) ?? block) } as AnthropicBlock;
}

/** A chat completions request's messages, as Anthropic would be asked the same. */
export function asAnthropic(messages: readonly OpenAIMessage[]): AnthropicMessage[] {
  return messages.flatMap(({ role, content, tool_calls: calls = [], tool_call_id }): AnthropicMessage[] => {
    if (role === "system" || role === "developer") return [];
    if (role === "tool") return [{ role: "user", content: [{ type: "tool_result", tool_use_id: tool_call_id }] }];
    const uses = calls.map(({ id, function: { name, arguments: input } }) => ({ type: "tool_use", id, name, input }));
    const said = { type: "ai", content: content as Message["content"], tool_calls: calls } as unknown as Message;
    return [{ role, content: [...(content == null ? [] : blocksOf(said)), ...uses.map(withInput)] }];
  });
}

/** The words that a message says. */
export const wordsOf = ({ content }: Message): string[] => textOf(content).split(/\s+/).filter(Boolean);
