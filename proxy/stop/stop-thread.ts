import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Action, Keep } from "../core/cut.ts";
import type { Services } from "../services.ts";
import { activeAsSeen, asSeen } from "../stepwise/as-seen.ts";
import { flagOf } from "../stepwise/chain.ts";
import { clearFlags } from "../stepwise/flags.ts";
import { firstOf } from "../stepwise/step-body.ts";
import { cancelQueued } from "./cancel-queued.ts";
import { everyRun } from "./list-runs.ts";
import { activeRuns, readState } from "./reconcile.ts";
import { RollbackRefused } from "./rollback-refused.ts";
import { isTerminal } from "./settle.ts";
import { ifThere } from "./step-ends.ts";
import { finished, gone, type StopAnswer, type StoppedRun, sumUp } from "./stop-answer.ts";
import type { StopResult } from "./stop-run.ts";

/** What is to be stopped of a thread, and how. */
export interface ThreadStop {
  action: Action;
  keep: Keep;
  /** `after-step`: the step that runs may end first. */
  when: "now" | "after-step";
  /** `thread`: what runs and what waits behind it; `run`: one run. */
  scope: "run" | "thread";
  /** With scope `run`; without it, the one that runs now. */
  run_id?: string;
  /** A turn that waits for an approval is closed. */
  dismiss: boolean;
}

type Needed = Pick<Services, "stops" | "threads" | "readers" | "stepEnds">;

/** Who asks for a stop. */
export interface Asker {
  /** When it came, by `performance.now()`. */
  arrivedAt: number;
  /** As `callerOf` names them. */
  caller: string;
  /** Shows their right to see the thread. */
  mayLook(): Promise<unknown>;
}

/**
 * Carries out a stop of a thread in the caller's name.
 *
 * Reads of the thread and new runs on it are held while something is stopped,
 * but not while a step is waited for.
 */
export async function stopThread(
  services: Needed,
  client: Client,
  threadId: string,
  asked: ThreadStop,
  { arrivedAt, caller, mayLook }: Asker,
): Promise<StopAnswer> {
  const { threads, stops, stepEnds } = services;
  const look = async (granted: () => void) => {
    await mayLook();
    granted();
    const runs = await runsMeant(services, client, threadId, asked, arrivedAt);
    if (!Array.isArray(runs)) return runs;
    const [first, ...queued] = runs;
    if (!first) return await nothingRuns(services, client, threadId, asked);
    const runsNow = first.status === "running";
    // It ends between two steps in any case.
    const isDriven = runsNow && firstOf(first) !== undefined;
    const waits = runsNow && (isDriven || asked.when === "after-step");
    await cancelQueued(client, threadId, waits ? queued : runs, waits ? 1 : 2);
    const answer = waits && !isDriven ? undefined : stopAll(services, client, threadId, runs, asked);
    // While a step is waited for, the thread isn't held.
    return isDriven || !answer ? { first, queued, answer } : await answer;
  };
  const found = await threads.stopping(threadId, look, caller);
  if (!("first" in found)) return found;
  const { first, queued, answer } = found;
  if (answer) return await answer;
  const now = await stepEnds.ended(client, threadId, first);
  return await threads.stopping(threadId, async () => {
    // Somebody has stopped it meanwhile, and perhaps taken it back.
    const last = stops.lastOn(threadId);
    const result = last?.run.run_id === first.run_id ? last.result : now ? undefined : gone;
    if (result) return await stopAll(services, client, threadId, queued, asked, [{ run: first, result }]);
    return await stopAll(services, client, threadId, [now ?? first, ...queued], asked);
  });
}

/** The runs to be stopped, oldest first; or the answer, if it was given before. */
async function runsMeant(
  { stops, threads }: Needed,
  client: Client,
  threadId: string,
  { run_id: runId, scope }: ThreadStop,
  arrivedAt: number,
): Promise<Run[] | StopAnswer> {
  await threads.created(threadId);
  const last = stops.lastOn(threadId);
  if (runId && last?.run.run_id === runId) return sumUp(threadId, [last]);
  if (runId) return [await asSeen(client, threadId, await client.runs.get(threadId, runId))];
  const active = async () => await activeAsSeen(client, threadId, await activeRuns(client, threadId));
  let runs = await active();
  if (runs.length === 0 && (await threads.admitTogether(threadId, arrivedAt))) {
    await threads.created(threadId);
    runs = await active();
  }
  if (scope === "thread") return runs;
  return [runs.find(({ status }) => status === "running") ?? runs[0]].filter((run) => run !== undefined);
}

async function stopAll(
  services: Needed,
  client: Client,
  threadId: string,
  runs: Run[],
  asked: ThreadStop,
  before: StoppedRun[] = [],
): Promise<StopAnswer> {
  const stopped = [...before];
  let refused: RollbackRefused | undefined;
  for (const run of runs) {
    try {
      stopped.push({ run, result: await stopOne(services, client, threadId, run, asked) });
    } catch (error) {
      if (!(error instanceof RollbackRefused)) throw error;
      refused = error;
      stopped.push({ run, result: error.result });
    }
  }
  const answer = sumUp(threadId, stopped);
  if (refused) throw refused.saying(answer);
  return answer;
}

async function stopOne(
  { stops, readers }: Needed,
  client: Client,
  threadId: string,
  run: Run,
  { action, keep, dismiss, scope }: ThreadStop,
): Promise<StopResult> {
  if (isTerminal(run) && run.status !== "interrupted" && !dismiss) {
    readers.stoppedTooLate(run.run_id);
    return finished;
  }
  // A run that was cut before is only looked after, never undone.
  const stop = stops.asked(run.run_id, isTerminal(run) ? "interrupt" : action, keep);
  return await stops.stop(client, threadId, run, { ...stop, dismiss, withQueue: scope === "thread" });
}

/** Asked again after a stop, it answers as it did; what waits for an approval is dismissed, if it is to be; otherwise the thread is idle. */
async function nothingRuns(
  { stops, readers }: Needed,
  client: Client,
  threadId: string,
  { dismiss }: ThreadStop,
): Promise<StopAnswer> {
  const last = stops.lastOn(threadId);
  const all = await everyRun(client, threadId);
  await clearFlags(client, threadId, all.filter(flagOf));
  const latest = all.filter((run) => !flagOf(run)).at(-1);
  const waits = dismiss && latest !== undefined && (await readState(client, threadId)).next.length > 0;
  if (!waits && last && (!latest || Date.parse(latest.created_at) <= Date.parse(last.run.created_at))) {
    return sumUp(threadId, [last]);
  }
  if (!latest || (!waits && latest.status !== "interrupted")) {
    if (latest) readers.stoppedTooLate(latest.run_id);
    return { ...sumUp(threadId, []), outcome: "idle" };
  }
  const run = await ifThere(client.runs.get(threadId, latest.run_id));
  if (!run) return { ...sumUp(threadId, []), outcome: "idle" };
  // The turn is the whole run's, of which this is the last step.
  const runId = firstOf(run) ?? run.run_id;
  const result = await stops.stop(client, threadId, run, { ...stops.asked(runId), dismiss });
  return sumUp(threadId, [{ run: { run_id: runId }, result }]);
}
