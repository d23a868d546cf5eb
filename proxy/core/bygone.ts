import { isAI, type Message, textOf, typeOf } from "./message.ts";
import type { Transcript } from "./transcript.ts";

/** What tells where a run begins in the conversation. */
interface Begun {
  /** What it was asked, as messages. */
  input: Message[];
  /** That has not been written yet. */
  isWaiting: boolean;
  transcript: Transcript;
  /** It failed by itself. */
  hasFailed: boolean;
}

/**
 * The replies from before the run, by id, whose calls are nobody's concern any
 * more: the conversation has gone on behind them, so what has no answer was
 * never to have one, as a plan in the form of a call. But if the run failed
 * before it said anything, the model may have refused them.
 */
export function bygoneReplies(messages: Message[], run: Begun): Set<string> {
  const start = startOf(messages, run);
  const hasSaid = run.transcript.replies.length > 0 || messages.slice(start).some(isAI);
  if (run.hasFailed && !hasSaid) return new Set();
  const last = messages.findLastIndex(isAI);
  return new Set(messages.slice(0, Math.min(start, last)).flatMap((message) => (isAI(message) && message.id) || []));
}

/** Where the run's own messages begin: with its input, or with what it was heard to say. Where neither is known, all may be its own. */
function startOf(messages: Message[], { input: [asked], isWaiting, transcript }: Begun): number {
  if (isWaiting) return messages.length;
  const named = asked ? messages.findIndex(({ id }) => id === asked.id) : -1;
  if (named >= 0) return named;
  const isAsked = (message: Message) =>
    asked !== undefined && typeOf(message) === typeOf(asked) && textOf(message.content) === textOf(asked.content);
  const alike = messages.findLastIndex(isAsked);
  if (alike >= 0) return alike;
  const told = new Set(transcript.replies.map(({ message }) => message.id));
  return Math.max(
    messages.findIndex(({ id }) => told.has(id)),
    0,
  );
}
