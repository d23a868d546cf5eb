import { answersIn, openCallsOf } from "./answers.ts";
import type { Task } from "./cut.ts";
import { isObject, isTool, type Message, messagesIn } from "./message.ts";

/** A graph as it was left, the root's or one within: its conversation, and its tasks that have no result. */
export interface Level {
  messages: Message[];
  tasks: Task[];
  /** What tasks of the same step that have ended would add: servers show it as if it stood there. */
  added?: ReadonlySet<unknown>;
  /** The superstep that it has stored last. */
  step?: number;
}

export const levelOf = (values: unknown, key: string | undefined, tasks: Task[]): Level => ({
  messages: messagesIn(values, key),
  tasks: tasks.filter(({ result }) => result == null),
  added: new Set(tasks.flatMap(({ result }) => messagesIn(result, key)).map(({ id }) => id)),
});

/** The graph that the task was in, if the state shows it and it talks in the conversation; `null` if it talks to itself. */
export function levelWithin({ state }: Task, key: string | undefined): Level | null | undefined {
  if (!isObject(state) || !isObject(state.values)) return undefined;
  if (key === undefined || !Array.isArray(state.values[key])) return null;
  if (!Array.isArray(state.tasks)) return undefined;
  const step = isObject(state.metadata) ? state.metadata.step : undefined;
  return { ...levelOf(state.values, key, state.tasks), ...(typeof step === "number" ? { step } : {}) };
}

/** The calls to which the conversation had come before the step: open, with nothing said behind them. */
export function callsAtEnd({ messages: all, added }: Level): string[] {
  const messages = all.filter(({ id }) => !id || !added?.has(id));
  const last = messages.findLast((message) => !isTool(message));
  return answersIn(messages).flatMap((answered) => (answered.reply === last ? openCallsOf(answered) : []));
}

/**
 * With open calls in the conversation one task runs them; whether that is
 * another one than this. What a graph within says could be a tool's own work,
 * whatever the task is called, unless the tools' node is there besides.
 */
export function isBesideTools({ tasks }: Level, task: { id?: string; name: string }, isGraph: boolean): boolean {
  return tasks.some(({ id, name }) => id !== task.id && (name === "tools" || (!isGraph && name !== task.name)));
}

/** Whether tools are all that was at work: then whoever speaks there, where the stream names no node, speaks in one. */
export const hasToolsAlone = ({ tasks }: Level): boolean =>
  tasks.length > 0 && tasks.every(({ name }) => name === "tools");
