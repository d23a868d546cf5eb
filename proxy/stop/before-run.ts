import type { Client, Run } from "@langchain/langgraph-sdk";
import { answersIn, isUnsettled } from "../core/answers.ts";
import type { Action, Reason } from "../core/cut.ts";
import { isAI, isObject, messagesIn } from "../core/message.ts";
import { statusOf } from "../upstream.ts";
import type { Readers } from "./readers.ts";
import { readState } from "./reconcile.ts";
import { resultOfRefused } from "./rollback-refused.ts";
import { isTerminal } from "./settle.ts";
import type { Stops } from "./stops.ts";

/** What is asked of the new run, as far as it concerns the one before it. */
export interface NewRun {
  multitask_strategy?: unknown;
  input?: unknown;
  command?: unknown;
  checkpoint?: unknown;
  checkpoint_id?: unknown;
}

const cutStatuses: string[] = ["interrupted", "error", "timeout"] satisfies Reason[];

/**
 * Looks after the thread before a new run starts on it, so that no text is
 * lost and the new run finds a history that a model accepts:
 *
 * - double texting (`interrupt`, `rollback`): what runs is stopped and kept first;
 * - a run that all its readers have hung up on, and no word of what to do with it: likewise;
 * - a run that was cut behind the proxy's back, or failed: healed, unless the
 *   new run resumes or forks on purpose.
 *
 * What the server refuses here, it is left to refuse when the run is created.
 */
export async function beforeRun(
  { stops, readers, settings }: { stops: Stops; readers: Readers; settings: { heal: boolean } },
  client: Client,
  threadId: string,
  wanted: NewRun,
): Promise<void> {
  try {
    const runs = await listRuns(client, threadId);
    const active = runs.filter((run) => !isTerminal(run));
    const action = actionFor(wanted, active, readers);
    if (action) return await stopAll(client, stops, readers, threadId, active, action);
    const latest = runs.at(-1);
    if (!settings.heal || active.length > 0 || !latest || !startsAnew(wanted)) return;
    if (cutStatuses.includes(latest.status) && stops.lastOn(threadId)?.run.run_id !== latest.run_id) {
      await healAfter(client, stops, threadId, latest);
    }
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined || status >= 500) throw error;
  }
}

function actionFor({ multitask_strategy: strategy }: NewRun, active: Run[], readers: Readers): Action | undefined {
  if (active.length === 0) return undefined;
  if (strategy === "interrupt" || strategy === "rollback") return strategy;
  return strategy == null && active.every(({ run_id }) => readers.haveLeft(run_id)) ? "interrupt" : undefined;
}

/** What is queued goes first, or it would start as soon as what runs is stopped. */
async function stopAll(
  client: Client,
  stops: Stops,
  readers: Readers,
  threadId: string,
  active: Run[],
  action: Action,
): Promise<void> {
  const queued = active.filter(({ status }) => status === "pending");
  if (active.length > 1) {
    await Promise.all(queued.map(({ run_id }) => client.runs.cancel(threadId, run_id, false, "interrupt")));
  }
  for (const { run_id } of active) {
    const run = await client.runs.get(threadId, run_id);
    await stops.stop(client, threadId, run, stops.asked(run_id, action)).catch(passRefusedRollback);
    readers.forget(run_id);
  }
}

/** A run that could not be rolled back is stopped and kept all the same: the new one may have its turn. */
function passRefusedRollback(error: unknown): void {
  if (!resultOfRefused(error)) throw error;
}

/** The thread's runs, oldest first; servers list them in different orders. */
async function listRuns(client: Client, threadId: string): Promise<Run[]> {
  const runs = await client.runs.list(threadId, { limit: 1000, select: ["run_id", "status", "created_at"] });
  return runs.sort((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at) || a.run_id.localeCompare(b.run_id));
}

/** New input, on the thread as it stands: not a resumption, not a fork. */
function startsAnew({ input, command, checkpoint, checkpoint_id }: NewRun): boolean {
  return input != null && command == null && checkpoint == null && checkpoint_id == null;
}

async function healAfter(client: Client, stops: Stops, threadId: string, { run_id, status }: Run): Promise<void> {
  if (isWhole(await readState(client, threadId), run_id, stops.preferredKey)) return;
  const run = await client.runs.get(threadId, run_id);
  await stops.stop(client, threadId, run, { ...stops.asked(run_id), reason: status as Reason });
}

/** Nothing is pending, no call is open, and whatever was last written over the cut was written to the end. */
function isWhole(state: Awaited<ReturnType<typeof readState>>, runId: string, key: string): boolean {
  if (state.next.length > 0) return false;
  const messages = messagesIn(state.values, key);
  if (answersIn(messages).some(isUnsettled)) return false;
  const bySomeone = state.metadata?.source === "update";
  const byUs = messages.some(
    ({ response_metadata }) => isObject(response_metadata?.stopped) && response_metadata.stopped.run_id === runId,
  );
  return !bySomeone || byUs || !messages.some(isAI);
}
