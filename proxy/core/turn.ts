import { answersIn, openCallsOf } from "./answers.ts";
import { type Cut, inputMessages, type State } from "./cut.ts";
import {
  blocksOf,
  type Content,
  isAI,
  isMessage,
  isRemoval,
  isTool,
  itemsIn,
  type Message,
  messagesIn,
  textOf,
  typeOf,
} from "./message.ts";
import { cutReplies } from "./replies.ts";
import { isCallBlock, withoutCalls } from "./safe-message.ts";
import { settled } from "./settle.ts";

/**
 * A turn as plain conversation, to write back after a rollback: what the user
 * said and what the assistant said, in order, without the tool traffic.
 *
 * `state` is the thread's state as the run left it, `before` its messages
 * without the run. Nothing, where the graph has no conversation to write into.
 */
export function turnOf(state: State, before: Message[], input: unknown, cut: Cut): Message[] {
  if (cut.keep === "nothing" || !cut.messagesKey) return [];
  const old = new Set(before.map(({ id }) => id));
  const stored = messagesIn(state.values, cut.messagesKey).filter(({ id }) => !old.has(id));
  const asked = askedOf(before, stored, inputMessages(input, cut.messagesKey, cut.runId));
  const said = stored.filter((message) => isAI(message) && !asked.includes(message));
  const streamed = cutReplies([...before, ...stored], cut).map(({ reply }) => reply);
  const open = new Set(answersIn(before).flatMap(openCallsOf));
  // An answer that a client gives to a call from before is no traffic of this turn.
  const isKept = (message: Message) => (isTool(message) ? open.has(message.tool_call_id ?? "") : !isRemoval(message));
  return [...asked.filter(isKept), ...said, ...streamed].flatMap((message) =>
    isAI(message) ? plain(message) : message,
  );
}

/**
 * What was new in the input, as the graph has stored it: a graph writes more
 * in the user's name, summaries and critiques, which nobody has said. Where
 * the input is no conversation, what the graph has made of it.
 */
function askedOf(before: Message[], stored: Message[], input: Message[]): Message[] {
  const isSame = (one: Message) => (other: Message) =>
    typeOf(one) === typeOf(other) && textOf(one.content) === textOf(other.content);
  const given = input.filter((message) => !before.some((one) => one.id === message.id && isSame(message)(one)));
  if (given.length === 0) return stored.filter((message) => typeOf(message) === "human");
  const left = [...stored];
  return given.map((message) => {
    const named = left.findIndex(({ id }) => id === message.id);
    const at = named === -1 ? left.findIndex(isSame(message)) : named;
    return at === -1 ? message : (left.splice(at, 1)[0] ?? message);
  });
}

/** All of the turn, with every call answered. */
export function wholeTurnOf(state: State, before: Message[], _input: unknown, cut: Cut): Message[] {
  const old = new Set(before.map(({ id }) => id));
  return settled(itemsIn(state.values, cut.messagesKey), cut)
    .filter(isMessage)
    .filter(({ id }) => !old.has(id));
}

/** The reply without its calls; nothing if it did nothing but call. */
function plain(message: Message): Message[] {
  if (textOf(message.content).trim() === "") return [];
  const { content, tool_calls: calls = [] } = message;
  if (calls.length === 0 && (typeof content === "string" || !blocksOf(content).some(isCallBlock))) {
    return [{ ...message, content: trimmed(content) }];
  }
  const spoken = withoutCalls(message);
  return spoken ? [spoken] : [];
}

/** As it may stand at the end of a turn. */
function trimmed(content: Content): Content {
  if (typeof content === "string") return content.trimEnd();
  const blocks = blocksOf(content);
  const last = blocks.findLastIndex(({ text }) => typeof text === "string");
  return blocks.map((block, at) => (at === last ? { ...block, text: block.text?.trimEnd() } : block));
}
