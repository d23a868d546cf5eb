import { randomUUID } from "node:crypto";
import { type AnthropicMessage, anthropicViolations } from "../anthropic-rules.ts";
import type { OpenAIMessage } from "../openai-rules.ts";
import { type Api, frame, type Request } from "./api.ts";
import type { Reply } from "./script.ts";

interface MessagesRequest extends Request {
  messages: AnthropicMessage[];
  system?: unknown;
}

interface Block {
  start: Record<string, unknown>;
  deltas: Record<string, unknown>[];
  /** Issued when its last delta has gone out. */
  signature?: string;
}

/** Anthropic's Messages. It takes a signature that it has issued in whole, and no other. */
export function anthropicMessages(): Api {
  const issued = new Set<string>();
  return {
    messagesOf(request) {
      const { system, messages } = request as MessagesRequest;
      // LangChain's Python class makes one turn of what the user said in several.
      const blocks = messages.flatMap(({ role, content }): OpenAIMessage[] =>
        typeof content === "string" ? [{ role, content }] : content.map((block) => ({ role, content: [block] })),
      );
      return [{ role: "system", content: system ?? "" }, ...blocks];
    },
    violations: (request) =>
      anthropicViolations((request as MessagesRequest).messages, (signature) => issued.has(signature)),
    say(reply) {
      const signed = new Map<number, string>();
      const deltas: string[] = [];
      for (const [index, block] of [...blocksOf(reply)].entries()) {
        const frames = block.deltas.map((delta) => frame({ type: "content_block_delta", index, delta }));
        frames[0] = frame({ type: "content_block_start", index, content_block: block.start }) + (frames[0] ?? "");
        frames[frames.length - 1] += frame({ type: "content_block_stop", index });
        deltas.push(...frames);
        if (block.signature) signed.set(deltas.length - 1, block.signature);
      }
      const message = { id: `msg_${randomUUID()}`, type: "message", role: "assistant", model: "strict", content: [] };
      const usage = { input_tokens: 7, output_tokens: 1 };
      const stop_reason = reply.calls?.length ? "tool_use" : reply.refusal ? "refusal" : "end_turn";
      return {
        opening: frame({ type: "message_start", message: { ...message, stop_reason: null, usage } }),
        deltas,
        said: (index) => issued.add(signed.get(index) ?? ""),
        closing: () =>
          frame({ type: "message_delta", delta: { stop_reason }, usage: { output_tokens: deltas.length } }) +
          frame({ type: "message_stop" }),
      };
    },
  };
}

function* blocksOf(reply: Reply): Generator<Block> {
  if (reply.reasoning) {
    const parts = reply.signature ?? [randomUUID()];
    yield {
      start: { type: "thinking", thinking: "", signature: "" },
      deltas: [
        ...reply.reasoning.map((thinking) => ({ type: "thinking_delta", thinking })),
        ...parts.map((signature) => ({ type: "signature_delta", signature })),
      ],
      signature: parts.join(""),
    };
  }
  // A refusal is text with a stop reason of its own.
  for (const said of [reply.text, reply.refusal]) {
    const deltas = (said ?? []).map((text) => ({ type: "text_delta", text }));
    if (deltas.length > 0) yield { start: { type: "text", text: "" }, deltas };
  }
  for (const { id, name, args } of reply.calls ?? []) {
    const deltas = ["", ...args].map((partial_json) => ({ type: "input_json_delta", partial_json }));
    yield { start: { type: "tool_use", id, name, input: {} }, deltas };
  }
}
