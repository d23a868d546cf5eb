import type { State, Task } from "./cut.ts";
import { callsAtEnd } from "./level.ts";
import { isObject, type Message, messagesIn, typeOf } from "./message.ts";
import type { Origin } from "./transcript.ts";

/**
 * A graph within that remembers: compiled with a checkpointer of its own
 * (`true`), it has one history a thread, under a namespace without ids of
 * tasks. What a stop leaves in it is there when the next message comes to it.
 */
export interface Memory {
  namespace: string;
  state: State;
}

/** What the state shows of the graphs that remember and that the run was in. */
export function memoriesIn({ tasks }: State, runId: string): Memory[] {
  return tasks.flatMap((task): Memory[] => {
    const state = stateWithin(task);
    if (!state) return [];
    const namespace = memoryOf(task);
    const own = namespace && isOfRun(state, runId) ? [{ namespace, state }] : [];
    return [...own, ...memoriesIn(state, runId)];
  });
}

/**
 * Where a graph would have its memory that a cut node has called by itself, as
 * a function or a tool: no server shows its state with the task's.
 */
export function unseenMemories({ tasks }: State, above: string[] = []): string[] {
  const found = tasks
    .filter(({ result }) => result == null)
    .flatMap((task) => {
      const path = [...above, task.name];
      const state = stateWithin(task);
      return state ? unseenMemories(state, path) : [path.join("|")];
    });
  return [...new Set(found)];
}

/** Whether the memory, as its history shows it, was left by the run in a way that a model refuses. */
export function isLeftOpen(memory: State, namespace: string, runId: string, messagesKey: string | undefined): boolean {
  // Who doesn't know of namespaces answers with the thread's own history.
  if (memory.checkpoint?.checkpoint_ns !== namespace || memory.metadata?.run_id !== runId) return false;
  return callsAtEnd({ messages: messagesIn(memory.values, messagesKey), tasks: [] }).length > 0;
}

/** What was said since the graph within was called: of one that remembers, what stands behind the question. */
export function sinceAsked(task: Task, messages: Message[], runId: string): Message[] {
  const state = stateWithin(task);
  if (!state || !memoryOf(task)) return messages;
  const question = messages.findLastIndex((message) => typeOf(message) === "human");
  return isOfRun(state, runId) ? messages.slice(question + 1) : [];
}

/** With the task that it was said in, where the namespace tells none: then it is the one of that name. */
export function placed(origin: Origin, tasks: Task[]): Origin {
  return isRemembered(origin) ? { ...origin, task: tasks.find(({ name }) => name === origin.path[0])?.id } : origin;
}

/** Whether it was said in a graph that remembers. */
export const isRemembered = ({ path, task }: Origin): boolean => task === undefined && path.length > 1;

/** A stop that was left in the middle has written there in no run's name. */
const isOfRun = ({ metadata }: State, runId: string): boolean =>
  metadata?.run_id === runId || metadata?.source === "update";

function stateWithin({ state }: Task): State | undefined {
  return isObject(state) && Array.isArray(state.tasks) && Array.isArray(state.next)
    ? (state as unknown as State)
    : undefined;
}

function memoryOf(task: Task): string | undefined {
  const namespace = stateWithin(task)?.checkpoint?.checkpoint_ns;
  return namespace && !namespace.includes(":") ? namespace : undefined;
}
