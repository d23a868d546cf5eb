import { isAI, isTool, type Message } from "./message.ts";

/** A reply's calls and the tool messages that answer them, in the order they stand. */
export interface Answered {
  reply: Message;
  answers: Message[];
}

/**
 * Every reply that calls tools, with its answers. An answer belongs to the
 * last reply before it that has the call: ids may come again from turn to turn.
 */
export function answersIn(messages: Message[]): Answered[] {
  const replies: Answered[] = [];
  const callers = new Map<string, Answered>();
  for (const message of messages) {
    if (isTool(message)) callers.get(message.tool_call_id ?? "")?.answers.push(message);
    if (!isAI(message) || !message.tool_calls?.length) continue;
    const entry: Answered = { reply: message, answers: [] };
    replies.push(entry);
    for (const { id } of message.tool_calls) if (id) callers.set(id, entry);
  }
  return replies;
}

/** Ids of the reply's calls that have no answer. */
export function openCallsOf({ reply, answers }: Answered): string[] {
  const answered = new Set(answers.map((answer) => answer.tool_call_id));
  return (reply.tool_calls ?? []).flatMap(({ id }) => (id && !answered.has(id) ? [id] : []));
}

/** Whether a call is answered twice, as by a client that invents an answer for what was closed already. */
export const hasSurplus = ({ answers }: Answered): boolean =>
  new Set(answers.map((answer) => answer.tool_call_id)).size < answers.length;

/** Whether a model would refuse the conversation for its calls: one has no answer, or more than one. */
export const isUnsettled = (answered: Answered): boolean => openCallsOf(answered).length > 0 || hasSurplus(answered);
