import { answersIn, openCallsOf } from "./answers.ts";
import { bygoneReplies } from "./bygone.ts";
import { levelOf } from "./level.ts";
import { conversationKey, type Item, isObject, itemsIn, type Message, messagesIn, typeOf } from "./message.ts";
import { saidIn } from "./said.ts";
import { stableId } from "./stable-id.ts";
import type { Streamed, Transcript } from "./transcript.ts";

export type Action = "interrupt" | "rollback";
export type Keep = "partial" | "nothing";
/** Who cut the run: a Stop, or, when it is healed, what ended it. */
export type Reason = "user" | "interrupted" | "error" | "timeout";

/** A thread's state as `GET /threads/:t/state?subgraphs=true` answers, as far as the plan looks at it. */
export interface State {
  values: unknown;
  next: string[];
  tasks: Task[];
  created_at?: string | null;
  metadata?: Record<string, unknown> | null;
  checkpoint?: { checkpoint_id?: string | null; checkpoint_ns?: string | null } | null;
  parent_checkpoint?: { checkpoint_id?: string | null } | null;
}

export interface Task {
  id: string;
  name: string;
  result?: unknown;
  error?: unknown;
  interrupts?: unknown[];
  state?: unknown;
  /** How it came to be: `["__pregel_push", …]` where it was sent for. */
  path?: unknown;
}

/** How a run is stopped, and for whom. */
export interface Stop {
  runId: string;
  action: Action;
  keep: Keep;
  reason: Reason;
  /** ISO 8601. */
  at: string;
  /** The key that the conversation has in most graphs' state; another is found out. */
  preferredKey: string;
  /** A pause is closed, too: what waits for a human's word is let go. */
  dismiss?: boolean;
  /** Who waits behind the run is not to start, either. */
  withQueue?: boolean;
}

/** All that the plan goes by, gathered once, before anything is written. */
export interface Cut extends Stop {
  /** The key of the conversation in the graph's state; undefined if there is none. */
  messagesKey?: string;
  transcript: Transcript;
  /** The tasks that were cut: begun or about to begin, and without a result. */
  tasks: Task[];
  /** The conversation as the run left it. */
  before: Item[];
  /** Replies from before the run, whose calls are left as they are, by id. */
  bygone: ReadonlySet<string>;
  /** The tool calls that had no answer in the conversation, as `callKey`s. */
  open: string[];
  /** The run had gone on from a pause, whose marks the state still bears. */
  resumed: boolean;
  /** What it has said in the conversation that the state doesn't have. */
  said: Streamed[];
  /** The run's input, if the graph never came to write it into the state. */
  missingInput?: Record<string, unknown>;
  /** The one node of a graph of the functional API, whose result is the whole state. */
  entrypoint?: string;
}

/** What the plan needs of a run as `GET /threads/:t/runs/:r` answers. */
export interface CutRun {
  created_at: string;
  /** As it was when the stop came: a run that was pending has written nothing. */
  status?: string;
  kwargs?: { input?: unknown; command?: unknown; stream_mode?: unknown; config?: unknown } | null;
}

/** What the run was given. */
export const inputOf = (run: object): unknown => (run as Pick<CutRun, "kwargs">).kwargs?.input;

/** Names a call within a conversation; its own id may come again in another reply. */
export const callKey = (reply: Pick<Message, "id">, callId: string): string => `${reply.id ?? ""} ${callId}`;

export function gatherCut(stop: Stop, run: CutRun, state: State, transcript: Transcript): Cut {
  const messagesKey = conversationKey(state.values, run.kwargs?.input, stop.preferredKey);
  const messages = messagesIn(state.values, messagesKey);
  const tasks = (state.tasks ?? []).filter((task) => task.result == null);
  const missing = missingInput(stop, messagesKey, run, state);
  const bygone = bygoneReplies(messages, {
    input: inputMessages(run.kwargs?.input, messagesKey, stop.runId),
    isWaiting: missing !== undefined,
    transcript,
    hasFailed: stop.reason === "error",
  });
  return {
    ...stop,
    messagesKey,
    before: itemsIn(state.values, messagesKey),
    transcript,
    tasks,
    said: saidIn({
      runId: stop.runId,
      transcript,
      root: levelOf(state.values, messagesKey, state.tasks ?? []),
      messagesKey,
      isThrough: isThrough(state, stop),
      isUpdated: state.metadata?.source === "update",
      toolEvents: tellsOfTools(run.kwargs),
    }),
    bygone,
    open: answersIn(messages)
      .filter(({ reply }) => !bygone.has(reply.id ?? ""))
      .flatMap((answered) => openCallsOf(answered).map((id) => callKey(answered.reply, id))),
    resumed: isObject(run.kwargs?.command) && "resume" in run.kwargs.command,
    missingInput: missing,
    entrypoint: entrypointOf(state),
  };
}

/** The Python server has `tools` in runs of the v2 protocol alone, and leaves it to the graph whether it tells of any. */
function tellsOfTools(kwargs: CutRun["kwargs"]): boolean {
  const { stream_mode: modes, config } = kwargs ?? {};
  const configurable = isObject(config) && isObject(config.configurable) ? config.configurable : {};
  const isLeftToGraph = configurable.__event_streaming_v2 === true;
  return Array.isArray(modes) && (modes.includes("events") || (modes.includes("tools") && !isLeftToGraph));
}

/** Whether nothing was cut: the run's graph had come to its end by itself, or to the end of a step. */
function isThrough({ metadata, next, tasks }: State, { runId }: Stop): boolean {
  if (tasks?.length > 0) return tasks.every(({ result }) => result != null);
  return next.length === 0 && metadata?.source === "loop" && metadata.run_id === runId;
}

/**
 * A run that was queued, or cut before its first step, has left no trace of
 * what the user said; nor has one of the functional API before its end.
 */
function missingInput(stop: Stop, key: string | undefined, run: CutRun, state: State) {
  const input = run.kwargs?.input;
  const { run_id, source } = state.metadata ?? {};
  if (!isObject(input)) return undefined;
  // What took it in has returned, a graph of the functional API or its start: it is in the result, under ids of its own.
  if (source === "input" && state.tasks?.some((task) => task.result != null)) return undefined;
  if (source !== "input") {
    if (run_id === stop.runId) return undefined;
    // What was streamed is no proof: a run has shown its input and been cut before it was stored.
    const headIsNewer = state.created_at && Date.parse(state.created_at) >= Date.parse(run.created_at);
    if (headIsNewer && run.status !== "pending") return undefined;
  }
  const messages = inputMessages(input, key, stop.runId);
  return key && messages.length > 0 ? { ...input, [key]: messages } : undefined;
}

/** Where input waits for a node, and not for the edges from the start, that node is all there is. */
export function entrypointOf({ metadata, next }: State): string | undefined {
  return metadata?.source === "input" && next.length === 1 && next[0] !== "__start__" ? next[0] : undefined;
}

/** The input's messages in wire form, each with an id, so that writing them twice writes them once. */
export function inputMessages(input: unknown, key: string | undefined, runId: string): Message[] {
  const given = isObject(input) && key !== undefined ? input[key] : undefined;
  const list = given == null ? [] : Array.isArray(given) && !isPair(given) ? given : [given];
  return list.flatMap((item: unknown, index): Message[] => {
    const message = asMessage(item);
    return message ? [{ ...message, id: message.id ?? stableId(runId, "input", String(index)) }] : [];
  });
}

const roles: Record<string, string> = { user: "human", assistant: "ai" };

function asMessage(item: unknown): Message | undefined {
  if (typeof item === "string") return { type: "human", content: item };
  if (isPair(item)) return { type: roles[item[0]] ?? item[0], content: item[1] };
  if (!isObject(item)) return undefined;
  const { role, ...fields } = item;
  const type = typeof item.type === "string" ? typeOf({ type: item.type }) : role;
  if (typeof type !== "string") return undefined;
  return { ...fields, type: roles[type] ?? type } as Message;
}

const isPair = (item: unknown): item is [string, string] =>
  Array.isArray(item) && item.length === 2 && item.every((part) => typeof part === "string");
