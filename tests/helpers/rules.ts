import type { Message } from "../../proxy/core/message.ts";
import { anthropicViolations } from "./anthropic-rules.ts";
import { openaiViolations } from "./openai-rules.ts";
import { toAnthropic, toOpenAI } from "./wire.ts";

/**
 * What a provider would answer 400 to in a thread: as it stands, and with the
 * user's next message behind it.
 *
 * `isSigned` as in `anthropicViolations`.
 */
export function providerViolations(messages: readonly Message[], isSigned?: (signature: string) => boolean): string[] {
  const next: Message = { type: "human", id: "next", content: "And then?" };
  const found = [messages, [...messages, next]].flatMap((history) => [
    ...openaiViolations(history.map(toOpenAI)).map((violation) => `OpenAI: ${violation}`),
    ...anthropicViolations(toAnthropic(history), isSigned).map((violation) => `Anthropic: ${violation}`),
  ]);
  return [...new Set(found)];
}
