import type { Cut, State } from "./cut.ts";
import { entrypointOf } from "./cut.ts";
import { type Item, isAI, isObject, isRemoval, itemsIn, type Message, messagesIn } from "./message.ts";
import { isMergedById, lacking, movedId, settled } from "./settle.ts";

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
  // A new message that was stopped before it came in would have taken the place of what waited; nothing is healed away for it.
  const replacesPause = cut.missingInput !== undefined && cut.reason === "user";
  if (isPaused(state) && !cut.resumed && !cut.dismiss && !replacesPause) return undefined;
  if (state.tasks.some((task) => task.result != null)) return letGo;
  const entrypoint = entrypointOf(state);
  if (entrypoint) return wholeWrite(state, cut, entrypoint);
  const messages = messagesIn(state.values, cut.messagesKey);
  if (cut.missingInput && !hasAll(messages, messagesIn(cut.missingInput, cut.messagesKey), cut)) {
    return { values: cut.missingInput, asNode: inputNode(state) };
  }
  // Input takes the place of what was there by itself, where nothing merges it.
  const before = cut.missingInput ? itemsIn(cut.missingInput, cut.messagesKey) : cut.before;
  const now = itemsIn(state.values, cut.messagesKey);
  const missing = vanished(before, now, cut) ? settled(before, cut) : lacking(now, cut);
  if (cut.messagesKey && missing.length > 0) return { values: { [cut.messagesKey]: missing }, asNode: cutNode(cut) };
  return state.next.length > 0 ? letGo : undefined;
}

/** A graph of the functional API keeps what it returned last: the whole conversation, in one write. */
function wholeWrite({ values }: State, cut: Cut, entrypoint: string): Write {
  const key = cut.messagesKey;
  if (!key || !(values == null || (isObject(values) && Array.isArray(values[key])))) return letGo;
  const all = settled([...cut.before, ...messagesIn(cut.missingInput, key)], cut);
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

/** Takes out again what was written of a turn that another stop has taken back in the same moment. */
export function takeOut(state: State, cut: Cut): Write | undefined {
  const key = cut.messagesKey;
  const now = itemsIn(state.values, key);
  const ours = new Set(lacking(cut.before, cut).map(({ id }) => id));
  const removals = now.flatMap(({ id }) => (ours.has(String(id)) ? [{ type: "remove", id, content: "" }] : []));
  // Not as the node that was cut: its edges may want a message to go by.
  if (key && removals.length > 0 && isMergedById(now)) return { values: { [key]: removals }, asNode: inputNode(state) };
  return state.next.length > 0 ? letGo : undefined;
}

/** Input is given to the thread first, which shows what kind of graph it is; then it goes through the start, if there is one. */
const inputNode = ({ next }: State) => (next.includes("__start__") ? "__start__" : "__input__");

/** Whether our write has taken the place of what was there: a key without a reducer keeps only the last write. */
function vanished(before: Item[], now: Item[], cut: Cut): boolean {
  const present = new Set(now.filter((item) => !isRemoval(item)).map(({ id }) => id));
  const verbatim = new Set(now.map((item) => JSON.stringify(item)));
  const isThere = (item: Item) =>
    typeof item.id === "string" ? present.has(item.id) : verbatim.has(JSON.stringify(item));
  const gone = before.filter((item) => !isThere(item));
  const isMoved = ({ id }: Item) => typeof id === "string" && present.has(movedId(id, cut));
  return gone.length === before.length && !gone.every(isMoved);
}

/** Waiting for a human on purpose: not cut, and not to be cleared. */
function isPaused({ tasks }: State): boolean {
  const unfinished = tasks.filter((task) => task.result == null);
  return unfinished.length > 0 && unfinished.every((task) => (task.interrupts?.length ?? 0) > 0);
}

function hasAll(messages: Message[], wanted: Message[], cut: Cut): boolean {
  const present = new Set(messages.map(({ id }) => id));
  return wanted.every(({ id }) => present.has(id) || present.has(movedId(id ?? "", cut)));
}

/** The conversation as an interrupt would leave it: each call has its answer. A rollback has nothing else by which to say what became of them. */
export function answered(state: State, cut: Cut): State {
  const key = cut.messagesKey;
  return key
    ? { ...state, values: { ...Object(state.values), [key]: settled(itemsIn(state.values, key), cut) } }
    : state;
}

/** The node that was cut: its outgoing edges are those that the write should follow. Where nothing tells, the start's. */
function cutNode(cut: Cut): string {
  const spoke = cut.said.at(-1)?.origin.path[0];
  return spoke ?? cut.tasks[0]?.name ?? cut.transcript.replies.at(-1)?.origin.path[0] ?? "__start__";
}
