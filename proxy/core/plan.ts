import type { Cut, State } from "./cut.ts";
import { openCallsOf } from "./cut.ts";
import { answerTo } from "./fate.ts";
import { type Item, isAI, isMessage, isTool, itemsIn, type Message, messagesIn } from "./message.ts";
import { conversationReplies, cutReplies } from "./replies.ts";
import { stableId } from "./stable-id.ts";

/** One `POST /threads/:t/state`. `values: null` as `__end__` lets the pending step go without running it. */
export interface Write {
  values: Record<string, unknown> | null;
  asNode?: string;
}

const letGo: Write = { values: null, asNode: "__end__" };

/**
 * The next write that brings the thread to where the stop should leave it, or
 * undefined when it is there. Asked again after each write, with the state as
 * it then is; so a plan that was cut short goes on where it stood, and a plan
 * that was carried out plans nothing.
 *
 * Order: results of finished siblings first (any other write would discard
 * them), then the input if the graph never wrote it, then what was cut, and at
 * last whatever the graph would have run next is let go.
 */
export function nextWrite(state: State, cut: Cut): Write | undefined {
  if (isPaused(state) && !cut.resumed) return undefined;
  if (state.tasks.some((task) => task.result != null)) return letGo;
  const messages = messagesIn(state.values, cut.messagesKey);
  if (cut.missingInput && !hasAll(messages, messagesIn(cut.missingInput, cut.messagesKey))) {
    return { values: cut.missingInput, asNode: "__start__" };
  }
  const replaced = vanished(cut.before, itemsIn(state.values, cut.messagesKey), cut);
  const missing = replaced
    ? [...cut.before, ...missingMessages(cut.before.filter(isMessage), cut)]
    : missingMessages(messages, cut);
  if (cut.messagesKey && missing.length > 0) return { values: { [cut.messagesKey]: missing }, asNode: cutNode(cut) };
  return state.next.length > 0 ? letGo : undefined;
}

/**
 * The plan after a rollback: the turn goes back in as plain conversation. A run
 * that had gone on from a pause leaves there what its tools came to, which no
 * server deletes with it; that is kept, or the calls would stay open.
 */
export function nextTurnWrite(state: State, cut: Cut, before: Item[], turn: Message[]): Write | undefined {
  if (cut.resumed && state.tasks.some((task) => task.result != null)) return letGo;
  if (turn.length === 0) return cut.resumed && state.next.length > 0 && !isPaused(state) ? letGo : undefined;
  const messages = messagesIn(state.values, cut.messagesKey);
  const replaced = vanished(before, itemsIn(state.values, cut.messagesKey), cut);
  const absent = turn.filter(({ id }) => !messages.some((message) => message.id === id));
  const missing = replaced ? [...before, ...turn] : absent;
  const asNode = turn.some(isAI) ? cutNode(cut) : "__start__";
  if (cut.messagesKey && missing.length > 0) return { values: { [cut.messagesKey]: missing }, asNode };
  return state.next.length > 0 ? letGo : undefined;
}

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

/** What the conversation lacks: answers to open calls, then the replies that were cut, each with its answers. */
function missingMessages(messages: Message[], cut: Cut): Message[] {
  const replies = cutReplies(messages, cut).flatMap(({ reply, unheard }): Message[] => {
    const calls = reply.tool_calls ?? [];
    return [reply, ...calls.map((call) => answer(call.id ?? "", reply, unheard, cut))];
  });
  const from = firstUnsettled(messages, cut);
  if (from === -1) return replies;
  const settled = settle(messages.slice(from), cut);
  const existing = messages.slice(from);
  if (existing.every((message, at) => settled[at] === message)) return [...settled.slice(existing.length), ...replies];
  return [...rewrite(existing, settled, cut), ...replies];
}

/** Where the first reply stands that has an open call, or answers that we gave out of order; -1 if none does. */
function firstUnsettled(messages: Message[], cut: Cut): number {
  return messages.findIndex((message, at) => {
    const calls = isAI(message) ? (message.tool_calls ?? []) : [];
    const after = messages.slice(at + 1);
    if (openCallsOf(message, after).length > 0) return true;
    const ours = calls.some(({ id }) => cut.openCalls.includes(id ?? ""));
    return ours && calls.some(({ id }, call) => after[call]?.tool_call_id !== id);
  });
}

/** The same messages with every call answered once, right after its reply, in call order. */
function settle(messages: Message[], cut: Cut): Message[] {
  const answers = new Map(
    messages
      .filter(isTool)
      .reverse()
      .map((message) => [message.tool_call_id, message]),
  );
  const called = new Set(messages.filter(isAI).flatMap((reply) => (reply.tool_calls ?? []).map(({ id }) => id)));
  return messages.flatMap((message): Message[] => {
    if (isTool(message) && called.has(message.tool_call_id)) return [];
    if (!isAI(message)) return [message];
    const calls = message.tool_calls ?? [];
    return [message, ...calls.map(({ id }) => answers.get(id ?? "") ?? answer(id ?? "", message, false, cut))];
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

function answer(callId: string, reply: Message, unheard: boolean, cut: Cut): Message {
  const calls = reply.tool_calls ?? [];
  const call = calls.find(({ id }) => id === callId) ?? { id: callId, name: "", args: {} };
  const { calls: traces } = cut.transcript;
  const startsAreKnown = calls.some(({ id }) => traces.get(id ?? "")?.fromEvents);
  return answerTo(call, { trace: traces.get(callId), unheard, startsAreKnown }, cut.runId);
}

/** The node that was cut: its outgoing edges are those that the write should follow. */
function cutNode(cut: Cut): string | undefined {
  const spoke = conversationReplies(cut).at(-1)?.origin.path[0];
  return spoke ?? cut.tasks[0]?.name ?? cut.transcript.replies.at(-1)?.origin.path[0];
}
