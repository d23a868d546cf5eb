import { answersIn, isUnsettled } from "./answers.ts";
import { isAskedAbout } from "./approval.ts";
import type { Cut, State } from "./cut.ts";
import { callKey, entrypointOf } from "./cut.ts";
import { answerTo } from "./fate.ts";
import { type Item, isAI, isMessage, isObject, itemsIn, type Message, messagesIn, type ToolCall } from "./message.ts";
import { type CutReply, conversationReplies, cutReplies } from "./replies.ts";
import { stableId } from "./stable-id.ts";
import type { Transcript } from "./transcript.ts";

/** One `POST /threads/:t/state`. `values: null` as `__end__` lets the pending step go without running it. */
export interface Write {
  values: Record<string, unknown> | null;
  asNode?: string;
  /** The checkpoint to write upon, instead of the head. */
  checkpointId?: string;
}

export const letGo: Write = { values: null, asNode: "__end__" };

/**
 * The next write that brings the thread to where the stop should leave it, or
 * undefined when it is there. Asked again after each write, with the state as
 * it then is; so a plan that was cut short goes on where it stood, and a plan
 * that was carried out plans nothing.
 *
 * Order: results of finished siblings first (any other write would discard
 * them), then the input if the graph never wrote it (as `__input__`, and once
 * it waits at the start, as `__start__`), then what was cut, and at last
 * whatever the graph would have run next is let go.
 */
export function nextWrite(state: State, cut: Cut): Write | undefined {
  if (isPaused(state) && !cut.resumed && !cut.dismiss) return undefined;
  if (state.tasks.some((task) => task.result != null)) return letGo;
  const entrypoint = entrypointOf(state);
  if (entrypoint) return wholeWrite(state, cut, entrypoint);
  const messages = messagesIn(state.values, cut.messagesKey);
  if (cut.missingInput && !hasAll(messages, messagesIn(cut.missingInput, cut.messagesKey))) {
    return { values: cut.missingInput, asNode: inputNode(state) };
  }
  // Input takes the place of what was there by itself, where nothing merges it.
  const before = cut.missingInput ? itemsIn(cut.missingInput, cut.messagesKey) : cut.before;
  const replaced = vanished(before, itemsIn(state.values, cut.messagesKey), cut);
  const missing = replaced
    ? [...before, ...missingMessages(before.filter(isMessage), cut)]
    : missingMessages(messages, cut);
  if (cut.messagesKey && missing.length > 0) return { values: { [cut.messagesKey]: missing }, asNode: cutNode(cut) };
  return state.next.length > 0 ? letGo : undefined;
}

/** A graph of the functional API keeps what it returned last: the whole conversation, in one write. */
function wholeWrite({ values }: State, cut: Cut, entrypoint: string): Write {
  const key = cut.messagesKey;
  if (!key || !(values == null || (isObject(values) && Array.isArray(values[key])))) return letGo;
  const said = [...cut.before, ...messagesIn(cut.missingInput, key)];
  const all = [...said, ...missingMessages(said.filter(isMessage), cut)];
  return { values: { ...Object(values), [key]: all }, asNode: entrypoint };
}

/**
 * The plan after a rollback: the turn goes back in as plain conversation. A run
 * that had gone on from a pause leaves there what its tools came to, which no
 * server deletes with it; that is kept, or the calls would stay open.
 */
export function nextTurnWrite(state: State, cut: Cut, before: Item[], turn: Message[]): Write | undefined {
  if (cut.resumed && state.tasks.some((task) => task.result != null)) return letGo;
  if (turn.length === 0) return cut.resumed && state.next.length > 0 && !isPaused(state) ? letGo : undefined;
  const key = cut.messagesKey;
  const messages = messagesIn(state.values, key);
  const absent = turn.filter(({ id }) => !messages.some((message) => message.id === id));
  const entrypoint = entrypointOf(state) ?? cut.entrypoint;
  if (key && entrypoint && absent.length > 0) {
    return { values: { ...Object(state.values), [key]: [...before, ...turn] }, asNode: entrypoint };
  }
  const missing = vanished(before, itemsIn(state.values, key), cut) ? [...before, ...turn] : absent;
  const asNode = turn.some(isAI) ? cutNode(cut) : inputNode(state);
  if (key && missing.length > 0) return { values: { [key]: missing }, asNode };
  return state.next.length > 0 ? letGo : undefined;
}

/** Input is given to the thread first, which shows what kind of graph it is; then it goes through the start, if there is one. */
const inputNode = ({ next }: State) => (next.includes("__start__") ? "__start__" : "__input__");

/** Whether our write has taken the place of what was there: a key without a reducer keeps only the last write. */
function vanished(before: Item[], now: Item[], { runId }: Cut): boolean {
  const present = new Set(now.map(({ id }) => id));
  const verbatim = new Set(now.map((item) => JSON.stringify(item)));
  const isGone = (item: Item) => {
    if (typeof item.id !== "string") return !verbatim.has(JSON.stringify(item));
    return !present.has(item.id) && !present.has(stableId(runId, "moved", item.id));
  };
  return before.length > 0 && before.every(isGone);
}

/** Waiting for a human on purpose: not cut, and not to be cleared. */
function isPaused({ tasks }: State): boolean {
  const unfinished = tasks.filter((task) => task.result == null);
  return unfinished.length > 0 && unfinished.every((task) => (task.interrupts?.length ?? 0) > 0);
}

const hasAll = (messages: Message[], wanted: Message[]) =>
  wanted.every(({ id }) => messages.some((message) => message.id === id));

/** The conversation as an interrupt would leave it: each call has its answer. A rollback has nothing else by which to say what became of them. */
export function answered(state: State, cut: Cut): State {
  const messages = messagesIn(state.values, cut.messagesKey);
  const all = [
    ...settle(messages, cut),
    ...cutReplies(messages, cut).flatMap((cutReply) => withAnswers(cutReply, cut)),
  ];
  return cut.messagesKey ? { ...state, values: { ...Object(state.values), [cut.messagesKey]: all } } : state;
}

function withAnswers({ reply, unheard }: CutReply, cut: Cut): Message[] {
  const calls = reply.tool_calls ?? [];
  return [reply, ...calls.map((call) => answer(call, reply, cut.transcript.calls, unheard, cut))];
}

/** What the conversation lacks: answers to open calls, then the replies that were cut, each with its answers. */
function missingMessages(messages: Message[], cut: Cut): Message[] {
  const replies = cutReplies(messages, cut).flatMap((cutReply) => withAnswers(cutReply, cut));
  const from = firstUnsettled(messages, cut);
  if (from === -1) return replies;
  const settled = settle(messages.slice(from), cut);
  const existing = messages.slice(from);
  if (existing.every((message, at) => settled[at] === message)) return [...settled.slice(existing.length), ...replies];
  return [...rewrite(existing, settled, cut), ...replies];
}

/** Where the first reply stands that has an open call, answers that we gave out of order, or an answer that comes twice; -1 if none does. */
function firstUnsettled(messages: Message[], cut: Cut): number {
  const unsettled = answersIn(messages).find((answered) => {
    if (isUnsettled(answered)) return true;
    const calls = answered.reply.tool_calls ?? [];
    const after = messages.slice(messages.indexOf(answered.reply) + 1);
    const ours = calls.some(({ id }) => cut.open.includes(callKey(answered.reply, id ?? "")));
    return ours && calls.some(({ id }, call) => after[call]?.tool_call_id !== id);
  });
  return unsettled ? messages.indexOf(unsettled.reply) : -1;
}

/** The same messages with every call answered once, right after its reply, in call order. */
function settle(messages: Message[], cut: Cut): Message[] {
  const replies = new Map(answersIn(messages).map(({ reply, answers }) => [reply, answers]));
  const answers = new Set([...replies.values()].flat());
  // What the stream told is of the run's own calls; an id may have been used before.
  const callers = new Map([...replies.keys()].flatMap((reply) => reply.tool_calls?.map(({ id }) => [id, reply]) ?? []));
  return messages.flatMap((message): Message[] => {
    if (answers.has(message)) return [];
    const given = replies.get(message);
    if (!given) return [message];
    const calls = (message.tool_calls ?? []).map((call) => {
      const told: Transcript["calls"] = callers.get(call.id) === message ? cut.transcript.calls : new Map();
      return given.find((one) => one.tool_call_id === call.id) ?? answer(call, message, told, false, cut);
    });
    return [message, ...calls];
  });
}

/** A reducer that merges by id can't move a message, so those behind the gap come in anew, under new ids. */
function rewrite(existing: Message[], settled: Message[], cut: Cut): Message[] {
  const kept = existing.findIndex((message, at) => settled[at] !== message);
  const moved = existing.slice(kept);
  const removals = moved.flatMap(({ id }): Message[] => (id ? [{ type: "remove", id, content: "" }] : []));
  const anew = settled.slice(kept).map((message) => {
    if (!moved.includes(message) || !message.id) return message;
    return { ...message, id: stableId(cut.runId, "moved", message.id) };
  });
  return [...removals, ...anew];
}

/** The answer to a call of the reply, by what the stream told of its calls. */
function answer(call: ToolCall, reply: Message, told: Transcript["calls"], isUnheard: boolean, cut: Cut): Message {
  const startsAreKnown = (reply.tool_calls ?? []).some(({ id }) => told.get(id ?? "")?.fromEvents);
  const isDismissed = cut.dismiss === true && isAskedAbout(call, reply, cut.tasks);
  const unheard = isUnheard || isDismissed || cut.transcript.nothingBegan === true;
  return answerTo(call, reply, { trace: told.get(call.id ?? ""), unheard, startsAreKnown }, cut.runId);
}

/** The node that was cut: its outgoing edges are those that the write should follow. Where nothing tells, the start's. */
function cutNode(cut: Cut): string {
  const spoke = conversationReplies(cut).at(-1)?.origin.path[0];
  return spoke ?? cut.tasks[0]?.name ?? cut.transcript.replies.at(-1)?.origin.path[0] ?? "__start__";
}
