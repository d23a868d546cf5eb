import type { IncomingHttpHeaders } from "node:http";
import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Action } from "../core/cut.ts";
import { conversationKey, messagesIn } from "../core/message.ts";
import { namedCheckpoint, onHead } from "../core/named-checkpoint.ts";
import { hasToolMessage, withoutSecondAnswers } from "../core/second-answers.ts";
import { insistentFetch } from "../insist.ts";
import type { Services } from "../services.ts";
import type { RunBody } from "../sse/modes.ts";
import { clientFor, statusOf } from "../upstream.ts";
import { cutTurns, fromHead, isStale } from "./catch-up.ts";
import { heal } from "./heal.ts";
import type { Readers } from "./readers.ts";
import { resultOfRefused } from "./rollback-refused.ts";
import { isTerminal } from "./settle.ts";

type Needed = Pick<Services, "stops" | "readers" | "snapshots" | "settings" | "log" | "upstream" | "server">;

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

/**
 * Looks after the thread before a new run starts on it, so that no text is
 * lost and the new run finds a history that a model accepts:
 *
 * - double texting (`interrupt`, `rollback`): what runs is stopped and kept first;
 * - a run that all its readers have hung up on, and no word of what to do with it: likewise;
 * - a run that was cut behind the proxy's back, or failed: healed, unless the
 *   new run resumes or forks on purpose.
 *
 * Resolves to the new run as it is to be created: from the head, if it names a
 * checkpoint that a stop has left behind; and without answers to tool calls
 * that are answered already.
 *
 * All of it in the name of the `caller`, whose headers these are.
 */
export async function beforeRun(services: Needed, caller: IncomingHttpHeaders, threadId: string, wanted: NewRun) {
  const runs = await listRuns(clientFor(caller, services.upstream), threadId);
  const active = runs.filter((run) => !isTerminal(run));
  const client = clientFor(caller, services.upstream, insistentFetch);
  const action = actionFor(wanted, active, services.readers);
  if (action) await stopAll(client, services, threadId, active, action);
  if (!action && active.length > 0) return await asCreated(client, threadId, wanted, services);
  const stale = isMessage(wanted) && (await fallsBehind(client, services, threadId, wanted, runs));
  const latest = runs.at(-1);
  const isNew = isMessage(wanted) && (stale || namedCheckpoint(wanted) === undefined);
  if (!action && isNew && latest && services.settings.heal) await heal(client, services, threadId, latest);
  return await asCreated(client, threadId, stale ? await fromHead(client, threadId, wanted) : wanted, services);
}

/** As the server is to be asked for it, the thread being ready. */
async function asCreated(client: Client, threadId: string, wanted: NewRun, services: Needed): Promise<NewRun> {
  const run = await withoutSurplus(client, threadId, wanted, services);
  return (await services.server.kind()) === "js" ? onHead(run) : run;
}

/** New input: not a resumption, nor another try. */
const isMessage = ({ input, command }: NewRun): boolean => input != null && command == null;

/** What the caller may not read can't be looked at. */
async function fallsBehind(client: Client, { stops }: Needed, threadId: string, wanted: NewRun, runs: Run[]) {
  try {
    return await isStale(client, threadId, wanted, cutTurns(stops.lastOn(threadId), runs));
  } catch (error) {
    leaveRefusal(error);
    return false;
  }
}

/** Clients invent answers to calls that are open in their view. The thread is only read if the input has answers. */
async function withoutSurplus(client: Client, threadId: string, wanted: NewRun, { stops }: Needed): Promise<NewRun> {
  if (!hasToolMessage(wanted.input)) return wanted;
  try {
    const { values } = await client.threads.getState(threadId, namedCheckpoint(wanted));
    const key = conversationKey(values, wanted.input, stops.preferredKey);
    const input = withoutSecondAnswers(wanted.input, messagesIn(values, key), key);
    return input === wanted.input ? wanted : { ...wanted, input };
  } catch (error) {
    leaveRefusal(error);
    return wanted;
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
  { stops, readers }: Pick<Services, "stops" | "readers">,
  threadId: string,
  active: Run[],
  action: Action,
): Promise<void> {
  try {
    const queued = active.filter(({ status }) => status === "pending");
    if (active.length > 1) {
      await Promise.all(queued.map(({ run_id }) => client.runs.cancel(threadId, run_id, false, "interrupt")));
    }
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
