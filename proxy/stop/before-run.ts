import type { IncomingHttpHeaders } from "node:http";
import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Action, Reason } from "../core/cut.ts";
import { isWhole } from "../core/whole.ts";
import { firstLookFetch, insistentFetch } from "../insist.ts";
import type { Services } from "../services.ts";
import type { RunBody } from "../sse/modes.ts";
import { clientFor, statusOf } from "../upstream.ts";
import { cancelQueued } from "./cancel-queued.ts";
import { isAbandoned } from "./is-abandoned.ts";
import type { Readers } from "./readers.ts";
import { readState } from "./reconcile.ts";
import { resultOfRefused } from "./rollback-refused.ts";
import { isTerminal } from "./settle.ts";

/** What is asked of the new run, as far as it concerns the one before it. */
export interface NewRun extends RunBody {
  multitask_strategy?: unknown;
  input?: unknown;
  command?: unknown;
  checkpoint?: unknown;
  checkpoint_id?: unknown;
}

/** The run as it is asked for, with the strategy that runs without one have here. */
export function withStrategy(wanted: NewRun | undefined, strategy: string | undefined): NewRun | undefined {
  return wanted && strategy && wanted.multitask_strategy == null ? { ...wanted, multitask_strategy: strategy } : wanted;
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
 * Double texting fails if it can't be done. A thread that can't be looked
 * after otherwise is no worse than it was: the new run has its turn.
 *
 * All of it in the name of the `caller`, whose headers these are.
 */
export async function beforeRun(
  services: Pick<Services, "stops" | "readers" | "snapshots" | "server" | "settings" | "log" | "upstream">,
  caller: IncomingHttpHeaders,
  threadId: string,
  wanted: NewRun,
): Promise<void> {
  if (startsAnew(wanted))
    await finishRollback(clientFor(caller, services.upstream, insistentFetch()), services, threadId);
  const runs = await listRuns(clientFor(caller, services.upstream, firstLookFetch()), threadId).catch(
    (error: unknown) => {
      if (isDoubleTexting(wanted)) throw error;
      services.log.warn({ err: error, thread_id: threadId }, "could not look after the thread before a new run");
      return [];
    },
  );
  const active = runs.filter((run) => !isTerminal(run));
  const client = clientFor(caller, services.upstream, insistentFetch());
  const action =
    actionFor(wanted, active, services.readers) ??
    (await actionForAbandoned(client, services, threadId, wanted, active));
  if (action) return await stopAll(client, services, threadId, active, action);
  const latest = runs.at(-1);
  if (!services.settings.heal || active.length > 0 || !latest || !startsAnew(wanted)) return;
  if (cutStatuses.includes(latest.status) && services.stops.lastOn(threadId)?.run.run_id !== latest.run_id) {
    await healAfter(client, services, threadId, latest);
  }
  // Whoever looked after it may have died.
  if (latest.status === "success") await services.snapshots.drop(client, latest, Date.parse(latest.updated_at));
}

function actionFor(wanted: NewRun, active: Run[], readers: Readers): Action | undefined {
  if (active.length === 0) return undefined;
  if (isDoubleTexting(wanted)) return wanted.multitask_strategy;
  return wanted.multitask_strategy == null && active.every(({ run_id }) => readers.haveLeft(run_id))
    ? "interrupt"
    : undefined;
}

/** What would be refused because of a run that nobody carries out any more is not. */
async function actionForAbandoned(
  client: Client,
  services: Pick<Services, "server">,
  threadId: string,
  { multitask_strategy: strategy }: NewRun,
  [first]: Run[],
): Promise<Action | undefined> {
  if (!first || strategy != null || (await services.server.kind()) !== "js") return undefined;
  const run = await client.runs.get(threadId, first.run_id);
  return (await isAbandoned(client, services, threadId, run)) ? "interrupt" : undefined;
}

function isDoubleTexting(wanted: NewRun): wanted is NewRun & { multitask_strategy: Action } {
  return wanted.multitask_strategy === "interrupt" || wanted.multitask_strategy === "rollback";
}

async function stopAll(
  client: Client,
  { stops, readers }: Pick<Services, "stops" | "readers">,
  threadId: string,
  active: Run[],
  action: Action,
): Promise<void> {
  try {
    await cancelQueued(client, threadId, active);
    for (const { run_id } of active) {
      const run = await client.runs.get(threadId, run_id);
      await stops.stop(client, threadId, run, stops.asked(run_id, action)).catch(passRefusedRollback);
      readers.forget(run_id);
    }
  } catch (error) {
    leaveRefusal(error);
  }
}

/** What the server refuses the caller here, it is left to refuse when the run is created. */
function leaveRefusal(error: unknown): void {
  const status = statusOf(error);
  if (status === undefined || status >= 500) throw error;
}

/** A run that could not be rolled back is stopped and kept all the same: the new one may have its turn. */
function passRefusedRollback(error: unknown): void {
  if (!resultOfRefused(error)) throw error;
}

const fields = ["run_id", "status", "created_at", "updated_at"] as const;

/** The thread's runs, oldest first; servers list them in different orders. None, where the caller may not see them. */
async function listRuns(client: Client, threadId: string): Promise<Run[]> {
  try {
    const runs = await client.runs.list(threadId, { limit: 1000, select: [...fields] });
    return runs.sort((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at) || a.run_id.localeCompare(b.run_id));
  } catch (error) {
    leaveRefusal(error);
    return [];
  }
}

/** New input, on the thread as it stands: not a resumption, not a fork. */
function startsAnew({ input, command, checkpoint, checkpoint_id }: NewRun): boolean {
  return input != null && command == null && checkpoint == null && checkpoint_id == null;
}

async function finishRollback(client: Client, { stops, log }: Pick<Services, "stops" | "log">, threadId: string) {
  try {
    await stops.finish(client, threadId);
  } catch (error) {
    log.warn({ err: error, thread_id: threadId }, "what a rollback kept is still not stored");
  }
}

async function healAfter(
  client: Client,
  { stops, snapshots, log }: Pick<Services, "stops" | "snapshots" | "log">,
  threadId: string,
  latest: Run,
): Promise<void> {
  try {
    if (isWhole(await readState(client, threadId), latest, stops.preferredKey)) {
      return await snapshots.drop(client, latest, Date.parse(latest.updated_at));
    }
    const run = await client.runs.get(threadId, latest.run_id);
    await stops.stop(client, threadId, run, { ...stops.asked(run.run_id), reason: latest.status as Reason });
  } catch (error) {
    log.warn({ err: error, thread_id: threadId, run_id: latest.run_id }, "healing failed");
  }
}
