import { randomUUID } from "node:crypto";
import { anthropicViolations } from "../anthropic-rules.ts";
import { type OpenAIMessage, openaiViolations } from "../openai-rules.ts";
import { asAnthropic } from "../wire.ts";
import { type Api, frame, type Request } from "./api.ts";
import type { Reply } from "./script.ts";

/** What the model is asked. */
export interface ChatRequest extends Request {
  messages: OpenAIMessage[];
  stream_options?: { include_usage?: boolean };
  tools?: { function: { name: string } }[];
}

/** OpenAI's chat completions. What Anthropic would refuse is refused, too: a thread must do for both. */
export const chatCompletions: Api = {
  messagesOf: (request) => (request as ChatRequest).messages,
  violations(request) {
    const { messages } = request as ChatRequest;
    return [...openaiViolations(messages), ...anthropicViolations(asAnthropic(messages))];
  },
  say(reply, request) {
    const id = `chatcmpl-${randomUUID()}`;
    const chunk = (choices: unknown[], usage?: Record<string, number>) =>
      frame({ id, object: "chat.completion.chunk", created: 0, model: "strict", choices, usage });
    const choice = (delta: unknown, finish_reason: string | null = null) => chunk([{ index: 0, delta, finish_reason }]);
    const deltas = [...deltasOf(reply)].map((delta) => choice(delta));
    const count = deltas.length;
    const usage = { prompt_tokens: 1, completion_tokens: count, total_tokens: count + 1 };
    return {
      opening: choice({ role: "assistant", content: "" }),
      deltas,
      closing: () =>
        choice({}, reply.calls?.length ? "tool_calls" : "stop") +
        ((request as ChatRequest).stream_options?.include_usage ? chunk([], usage) : "") +
        "data: [DONE]\n\n",
    };
  },
};

function* deltasOf(reply: Reply): Generator<Record<string, unknown>> {
  for (const token of reply.reasoning ?? []) yield { reasoning_content: token };
  for (const token of reply.text ?? []) yield { content: token };
  for (const token of reply.refusal ?? []) yield { refusal: token };
  for (const [index, call] of (reply.calls ?? []).entries()) {
    yield { tool_calls: [{ index, id: call.id, type: "function", function: { name: call.name, arguments: "" } }] };
    for (const part of call.args) yield { tool_calls: [{ index, function: { arguments: part } }] };
  }
}
