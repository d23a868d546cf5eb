import type { OpenAIMessage } from "../openai-rules.ts";
import type { Reply } from "./script.ts";

/** A provider's API as the strict model speaks it. */
export interface Api {
  /** What was asked: the messages, a system prompt that came apart among them. */
  messagesOf(request: Request): OpenAIMessage[];
  /** One sentence for each reason to answer 400. */
  violations(request: Request): string[];
  say(reply: Reply, request: Request): Speech;
}

/** The body of a request, as far as all have it. */
export interface Request {
  stream?: boolean;
  [field: string]: unknown;
}

/** A reply as SSE frames. Between two deltas it can be held. */
export interface Speech {
  opening: string;
  deltas: string[];
  /** Said last; what the provider remembers of a reply, it remembers of a complete one. */
  closing(): string;
  /** Called when the nth delta has gone out. */
  said?(index: number): void;
}

/** An SSE frame, named after its `type` if it has one. */
export const frame = (data: { type?: string; [field: string]: unknown }): string =>
  `${data.type ? `event: ${data.type}\n` : ""}data: ${JSON.stringify(data)}\n\n`;
