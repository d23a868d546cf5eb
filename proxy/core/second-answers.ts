import { answersIn, openCallsOf } from "./answers.ts";
import { isObject, isTool, type Message } from "./message.ts";

/** What of a message, in whichever form a client sends it, tells calls from answers. */
interface Given {
  id?: unknown;
  role?: unknown;
  type?: unknown;
  tool_call_id?: unknown;
  tool_calls?: unknown;
}

/** Whether a run's input has a tool message anywhere. */
export const hasToolMessage = (input: unknown): boolean =>
  isObject(input) && Object.values(input).some((value) => listOf(value).some(isToolMessage));

/**
 * The input without tool messages that answer what the conversation has
 * answered already: clients invent answers for calls that are open in their
 * view, and of two answers to a call a model refuses the whole history.
 *
 * An answer to an open call stays, and one that takes the place of the
 * conversation's own by its id, and one to a call that the input itself makes.
 * But behind a run that goes on (`goesOn`) no call is open: it answers its own,
 * those that it is just making, too, which the conversation doesn't have yet.
 * Gives back the very same input where there is nothing to leave out.
 */
export function withoutSecondAnswers<T>(input: T, conversation: Message[], key: string | undefined, goesOn = false): T {
  if (!isObject(input) || key === undefined) return input;
  const given = listOf(input[key]);
  const answered = answeredCalls(conversation);
  const present = new Set<unknown>(conversation.map(({ id }) => id ?? undefined));
  const ownCalls = new Set(given.flatMap((item) => callsOf(plain(item))));
  const left = given.filter((item) => {
    const { id, tool_call_id: callId } = plain(item);
    const replaces = id != null && present.has(id);
    return !isToolMessage(item) || replaces || ownCalls.has(callId) || !(goesOn || answered.has(callId));
  });
  return left.length === given.length ? input : { ...input, [key]: left };
}

/** Ids of the calls that have an answer; one that comes again counts as its last reply has it. */
function answeredCalls(conversation: Message[]): Set<unknown> {
  const answered = new Set<unknown>();
  for (const entry of answersIn(conversation)) {
    for (const { id } of entry.reply.tool_calls ?? []) if (id) answered.add(id);
    for (const id of openCallsOf(entry)) answered.delete(id);
  }
  return answered;
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value == null ? [] : [value]);

function isToolMessage(item: unknown): boolean {
  const { role, type } = plain(item);
  return role === "tool" || (typeof type === "string" && isTool({ type }));
}

/** A message in LangChain's serialized form has its fields in `kwargs`, and its type in its class's name. */
function plain(item: unknown): Given {
  if (!isObject(item)) return {};
  if (item.type !== "constructor" || !isObject(item.kwargs)) return item;
  const name = Array.isArray(item.id) ? String(item.id.at(-1)) : "";
  return { ...item.kwargs, type: name.replace(/Message(Chunk)?$/, "").toLowerCase() };
}

const callsOf = ({ tool_calls: calls }: Given): unknown[] =>
  listOf(calls).map((call) => (isObject(call) ? call.id : undefined));
