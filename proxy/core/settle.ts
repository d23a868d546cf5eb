import { type Answered, answersIn, isUnsettled } from "./answers.ts";
import { isAskedAbout } from "./approval.ts";
import { type Cut, callKey } from "./cut.ts";
import { answerTo } from "./fate.ts";
import { type Item, isMessage, isRemoval, isTool, type Message, type ToolCall } from "./message.ts";
import { cutReplies } from "./replies.ts";
import { stableId } from "./stable-id.ts";
import type { Transcript } from "./transcript.ts";

/** The whole conversation as it should stand: every call answered once, and at its end the replies that were cut, each with its answers. */
export const settled = (conversation: Item[], cut: Cut): Item[] => [
  ...withEveryAnswer(conversation, cut),
  ...cutRepliesWithAnswers(conversation, cut),
];

/** What is to be written so that it stands so, where a write adds to what is there. */
export const lacking = (conversation: Item[], cut: Cut): Message[] => [
  ...lackingAnswers(conversation, cut),
  ...cutRepliesWithAnswers(conversation, cut),
];

function cutRepliesWithAnswers(conversation: Item[], cut: Cut): Message[] {
  const replies = cutReplies(conversation.filter(isMessage), cut);
  const told = toldOf(
    replies.map(({ reply }) => reply),
    cut,
  );
  return replies.flatMap(({ reply, unheard, answers }) => {
    const calls = reply.tool_calls ?? [];
    return [
      reply,
      ...calls.map((call) => given(call, answers) ?? answer(call, reply, told(call, reply), unheard, cut)),
    ];
  });
}

/** What the stream told is of the run's own calls; a call's id may have been used before, and then it is the last one's. */
function toldOf(replies: Message[], { transcript }: Cut): (call: ToolCall, reply: Message) => Transcript["calls"] {
  const callers = new Map(replies.flatMap((reply) => reply.tool_calls?.map(({ id }) => [id, reply]) ?? []));
  return ({ id }, reply) => (callers.get(id) === reply ? transcript.calls : new Map());
}

const given = ({ id }: ToolCall, answers: Message[]) => answers.find((one) => one.tool_call_id === id);

/** Answers to open calls; and what stands behind them once more, where an answer belongs before it. */
function lackingAnswers(conversation: Item[], cut: Cut): Message[] {
  const messages = conversation.filter(isMessage);
  const from = firstUnsettled(messages, cut);
  if (from === -1) return [];
  const existing = messages.slice(from);
  const wanted = withEveryAnswer(existing, cut).filter(isMessage);
  if (existing.every((message, at) => wanted[at] === message)) return wanted.slice(existing.length);
  if (isMergedById(conversation)) return rewrite(existing, wanted, cut);
  // Nothing can be put in between. The answers to one reply may stand in any order.
  const last = messages.findLastIndex((message) => !isTool(message));
  return withEveryAnswer(messages.slice(last), cut)
    .filter(isMessage)
    .filter((message) => !messages.includes(message));
}

/**
 * Whether a message can be replaced and taken out by its id. A reducer that does
 * so gives every message one; one that only adds would keep removals, and
 * everything that is written twice.
 */
export function isMergedById(conversation: Item[]): boolean {
  const ids = new Set(conversation.map(({ id }) => id));
  return ids.size === conversation.length && !ids.has(undefined) && !ids.has(null) && !conversation.some(isRemoval);
}

/** Where the first reply stands that has an open call, answers that we gave out of order, or an answer that comes twice; -1 if none does. */
function firstUnsettled(messages: Message[], cut: Cut): number {
  const unsettled = ownReplies(messages, cut).find((answered) => {
    if (isUnsettled(answered)) return true;
    const calls = answered.reply.tool_calls ?? [];
    const after = messages.slice(messages.indexOf(answered.reply) + 1);
    const ours = calls.some(({ id }) => cut.open.includes(callKey(answered.reply, id ?? "")));
    return ours && calls.some(({ id }, call) => after[call]?.tool_call_id !== id);
  });
  return unsettled ? messages.indexOf(unsettled.reply) : -1;
}

/** Those that call tools, with their answers; not those that the run has found in the past. */
const ownReplies = (messages: Message[], { bygone }: Cut): Answered[] =>
  answersIn(messages).filter(({ reply }) => !bygone.has(reply.id ?? ""));

/** The same with every call answered once, right after its reply, in call order. */
function withEveryAnswer(conversation: Item[], cut: Cut): Item[] {
  const replies = ownReplies(conversation.filter(isMessage), cut);
  const byReply = new Map<Item, Answered>(replies.map((answered) => [answered.reply, answered]));
  const answers = new Set<Item>(replies.flatMap(({ answers }) => answers));
  const told = toldOf(
    replies.map(({ reply }) => reply),
    cut,
  );
  return conversation.flatMap((item): Item[] => {
    if (answers.has(item)) return [];
    const answered = byReply.get(item);
    if (!answered) return [item];
    const { reply } = answered;
    const calls = reply.tool_calls ?? [];
    return [
      reply,
      ...calls.map((call) => given(call, answered.answers) ?? answer(call, reply, told(call, reply), false, cut)),
    ];
  });
}

/** A reducer that merges by id can't move a message, so those behind the gap come in anew, under new ids. */
function rewrite(existing: Message[], wanted: Message[], cut: Cut): Message[] {
  const kept = existing.findIndex((message, at) => wanted[at] !== message);
  const moved = existing.slice(kept);
  const removals = moved.flatMap(({ id }): Message[] => (id ? [{ type: "remove", id, content: "" }] : []));
  const anew = wanted.slice(kept).map((message) => {
    if (!moved.includes(message) || !message.id) return message;
    return { ...message, id: movedId(message.id, cut) };
  });
  return [...removals, ...anew];
}

/** The id under which a message comes in anew. */
export const movedId = (id: string, { runId }: Cut): string => stableId(runId, "moved", id);

/** The answer to a call of the reply, by what the stream told of its calls. */
function answer(call: ToolCall, reply: Message, told: Transcript["calls"], isUnheard: boolean, cut: Cut): Message {
  const others = (reply.tool_calls ?? []).filter(({ name }) => name === call.name);
  const startsAreKnown = others.some(({ id }) => told.get(id ?? "")?.fromEvents);
  const isDismissed = cut.dismiss === true && isAskedAbout(call, reply, cut.tasks);
  const unheard = isUnheard || isDismissed || cut.transcript.nothingBegan === true;
  return answerTo(call, reply, { trace: told.get(call.id ?? ""), unheard, startsAreKnown }, cut.runId);
}
