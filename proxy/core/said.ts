import { answersIn } from "./answers.ts";
import type { Task } from "./cut.ts";
import { callsAtEnd, hasToolsAlone, isBesideTools, type Level, levelWithin } from "./level.ts";
import { isRemembered, placed, sinceAsked } from "./memory.ts";
import { isAI, type Message, textOf, typeOf } from "./message.ts";
import type { Origin, Streamed, Transcript } from "./transcript.ts";

/** A run as it was left. */
interface Left {
  runId: string;
  transcript: Transcript;
  root: Level;
  messagesKey?: string;
  /** The graph had come to its end, or to that of a step: nothing was cut. */
  isThrough: boolean;
  /** Somebody has written to the thread since. */
  isUpdated: boolean;
  /** The run's stream tells of tools that start. */
  toolEvents: boolean;
}

/**
 * What was said in the conversation, in order, as far as the thread's state
 * doesn't have it: by tasks that were cut, not inside a tool, not by a graph
 * that talks to itself.
 *
 * What a graph within has stored stands as stored there, under its ids and in
 * its words; of its steps that have ended nothing else does.
 */
export function saidIn(left: Left): Streamed[] {
  const { transcript, root } = left;
  const { tasks } = root;
  const known = new Set(root.messages.map(({ id }) => id));
  const stored = new Map(
    tasks.map((task) => {
      const all = storedBy(task, root, task, left);
      return [task.id, all.filter(({ message }) => message.id && !known.has(message.id))];
    }),
  );
  const said = transcript.replies.flatMap((unplaced): Streamed[] => {
    const streamed = { ...unplaced, origin: placed(unplaced.origin, tasks) };
    const ended = stored.get(streamed.origin.task ?? "") ?? [];
    const at = ended.findIndex(({ message }) => message.id === streamed.message.id);
    if (at >= 0) return ended.splice(0, at + 1);
    return isSaid(streamed, left) ? [...ended.splice(0), streamed] : [];
  });
  return [...said, ...[...stored.values()].flat()];
}

/** The replies that the task's graph has stored, and what is cut within it, each with its answers. */
function storedBy(task: Task, level: Level, { id, name }: Task, left: Left): Streamed[] {
  const within = levelWithin(task, left.messagesKey);
  if (!within || task.name === "tools" || (callsAtEnd(level).length > 0 && !isBesideTools(level, task, true)))
    return [];
  const answers = new Map(answersIn(within.messages).map((answered) => [answered.reply, answered.answers]));
  const own = sinceAsked(task, within.messages, left.runId)
    .filter(isAI)
    .map(
      (message): Streamed => ({
        message,
        answers: answers.get(message),
        complete: true,
        origin: { path: [name, task.name], task: id },
      }),
    );
  const ids = new Set(own.map(({ message }) => message.id));
  const deeper = within.tasks.flatMap((inner) => storedBy(inner, within, { id, name }, left));
  return [...own, ...deeper.filter(({ message }) => !ids.has(message.id))];
}

/** Whether a streamed reply is one of the conversation's, and not yet stored by a graph within as that would have it. */
function isSaid(streamed: Streamed, left: Left): boolean {
  const { path, task: rootTask, inner = [], step } = streamed.origin;
  if (path.includes("tools") || !isOfCutTask(streamed, left)) return false;
  let level: Level | null | undefined = left.root;
  for (const [depth, name] of path.entries()) {
    if (!level) break;
    const told = depth === 0 ? rootTask : inner[depth - 1];
    const isGraph = depth < path.length - 1;
    // The namespace of a graph that remembers names no task.
    const task: Task | undefined = level.tasks.find((one) => (told ? one.id === told : isGraph && one.name === name));
    const id = told ?? task?.id;
    if (isInTool(level, { id, name }, isGraph, left)) return false;
    const lags = !isGraph && (step ?? 0) > (level.step ?? Number.POSITIVE_INFINITY);
    if (depth > 0 && id && !task && !lags) return false;
    if (isGraph) level = task && levelWithin(task, left.messagesKey);
    if (level === null) return false;
  }
  const speaker = path.length > 1 ? inner.at(-1) : rootTask;
  return speaker !== undefined || !level || !hasToolsAlone(level);
}

/**
 * Where the stream names no task, or a stop that was left in the middle has
 * written over those that were cut, those count that were heard in the middle
 * of a reply, the last that spoke, and who spoke in the same step as that;
 * unless what they said stands there under another id.
 */
function isOfCutTask(streamed: Streamed, { root, transcript, isThrough, isUpdated }: Left): boolean {
  const { origin } = streamed;
  const isPending = ({ task }: Origin) => root.tasks.some(({ id }) => id === task);
  if (isThrough) return false;
  if (isPending(origin)) return true;
  if (root.tasks.length > 0 && isRemembered(origin)) return false;
  const { replies } = transcript;
  const isOver = root.tasks.length > 0 && (!isUpdated || replies.some((other) => isPending(other.origin)));
  const isCut = replies.some((other) => other.origin.task === origin.task && !other.complete);
  const last = replies.at(-1)?.origin;
  const isOfLastStep = isOfRoot(origin) && isOfRoot(last) && origin.step === last?.step;
  const counts = origin.task === undefined || (!isOver && (isCut || isOfLastStep || origin.task === last?.task));
  return counts && !isStoredAnew(streamed, root);
}

/** Whether the turn has the same words, and the same calls, under another id. */
function isStoredAnew({ message, streaming }: Streamed, { messages }: Level): boolean {
  const turn = messages.slice(messages.findLastIndex((one) => typeOf(one) === "human") + 1);
  return !streaming && turn.some((one) => isAlike(one, message));
}

const isOfRoot = (origin?: Origin) => origin?.path.length === 1 && origin.step !== undefined;

function isAlike(one: Message, other: Message): boolean {
  const said = ({ content, tool_calls, tool_call_chunks }: Message) => {
    const calls = tool_call_chunks?.length ? tool_call_chunks : (tool_calls ?? []);
    return JSON.stringify([textOf(content).trim(), calls.flatMap(({ id }) => id ?? [])]);
  };
  return isAI(one) && said(one) === said(other);
}

/** A node that runs the calls by itself may speak when they have ended: where the stream would tell of tools, one must be running. */
function isInTool(level: Level, task: { id?: string; name: string }, isGraph: boolean, left: Left): boolean {
  const open = callsAtEnd(level);
  if (open.length === 0 || isBesideTools(level, task, isGraph)) return false;
  const { calls } = left.transcript;
  return isGraph || !left.toolEvents || open.some((id) => calls.has(id) && !calls.get(id)?.result);
}
