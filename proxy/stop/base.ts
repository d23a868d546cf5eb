import type { Client, Run, ThreadState } from "@langchain/langgraph-sdk";
import type { State } from "../core/cut.ts";
import { stateAt } from "./reconcile.ts";

/** Where a run began. */
export interface Base {
  checkpointId: string;
  /** The run's own first checkpoint, which goes with the run: nothing was on the thread before. */
  isOwn: boolean;
  /** The thread as it was there. */
  state: State;
}

/** More steps than one turn has. */
const mostSteps = 1000;

/** The checkpoint that the run began from; undefined if it has left none, or others have written since. */
export async function baseOf(client: Client, threadId: string, run: Run, head: State): Promise<Base | undefined> {
  if (!isOf(head, run)) return undefined;
  const first = await firstOf(client, threadId, run);
  const parentId = first?.parent_checkpoint?.checkpoint_id;
  const checkpointId = parentId ?? first?.checkpoint.checkpoint_id;
  if (!checkpointId) return undefined;
  return { checkpointId, isOwn: !parentId, state: await stateAt(client, threadId, checkpointId) };
}

/**
 * The thread as the run has left it, though others may have written since;
 * without tasks, where the run has left no checkpoint.
 */
export async function stateLeftBy(client: Client, threadId: string, run: Run, head: State): Promise<State> {
  if (isOf(head, run)) return head;
  const { run_id } = run;
  const [last] = await client.threads.getHistory(threadId, { limit: 1, metadata: { run_id } });
  const checkpointId = last?.checkpoint.checkpoint_id;
  return checkpointId ? await stateAt(client, threadId, checkpointId) : { ...head, tasks: [] };
}

/** Whether it is the run itself that has written this. */
export const isOf = ({ metadata }: Pick<State, "metadata">, { run_id }: Pick<Run, "run_id">): boolean =>
  metadata?.run_id === run_id;

/** The run's first checkpoint: its input, as a rule. */
async function firstOf({ threads }: Client, threadId: string, { run_id }: Run): Promise<ThreadState | undefined> {
  const [input] = await threads.getHistory(threadId, { limit: 1, metadata: { run_id, source: "input" } });
  return input ?? (await threads.getHistory(threadId, { limit: mostSteps, metadata: { run_id } })).at(-1);
}
