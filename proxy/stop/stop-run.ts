import type { Client, Run } from "@langchain/langgraph-sdk";
import { gatherCut, inputOf, type State, type Stop } from "../core/cut.ts";
import { type Report, reportOn } from "../core/report.ts";
import type { Transcript } from "../core/transcript.ts";
import { wholeTurnOf } from "../core/turn.ts";
import { isWhole } from "../core/whole.ts";
import type { Settings } from "../env.ts";
import type { Services } from "../services.ts";
import { statusOf } from "../upstream.ts";
import { stateLeftBy } from "./base.ts";
import { isAbandoned } from "./is-abandoned.ts";
import { isResumable } from "./is-resumable.ts";
import { keepTurn, superseded } from "./keep-turn.ts";
import { hasOpenMemory, keepMemories } from "./memories.ts";
import { asNotStored } from "./not-stored.ts";
import { belongsToAnother, hasNewerRun, readState } from "./reconcile.ts";
import { replay } from "./replay.ts";
import { rollBack } from "./roll-back.ts";
import { isTerminal, settle } from "./settle.ts";
import type { Snapshots } from "./snapshots.ts";
import { ifThere } from "./step-ends.ts";
import { finished, gone } from "./stop-answer.ts";
import { isPerhapsElsewhere, stoppedElsewhere } from "./stopped-elsewhere.ts";

/** `stopped`; `finished`: it ended by itself; `superseded`: a newer run owns the thread. */
export type Outcome = "stopped" | "finished" | "superseded";

/** What a stop of one run came to. */
export interface StopResult extends Report {
  outcome: Outcome;
  /** The input of a turn that was undone, or of a run that was taken out of the queue of a busy thread. */
  input?: unknown;
  /** The thread's values afterwards. */
  values: unknown;
}

export type StopRunServices = Pick<Services, "snapshots" | "server"> & { settings: Pick<Settings, "heal"> };

const nothingStreamed: Transcript = { whole: true, replies: [], calls: new Map() };

/**
 * Stops one run and brings its thread to where the conversation can go on:
 * cancel, wait for the end, replay, plan, write, look again.
 *
 * `run` is as the caller itself has read it, which shows its right to. Throws the SDK's errors as
 * they are, and `ProxyError` where the server did not do what it said.
 */
export async function stopRun(
  client: Client,
  services: StopRunServices,
  threadId: string,
  run: Run,
  stop: Stop,
): Promise<StopResult> {
  if (isTemporary(run)) return await letGo(client, services, threadId, run);
  try {
    return await keepOrTakeBack(client, services, threadId, run, stop);
  } catch (error) {
    // Another replica has taken it back meanwhile.
    if (statusOf(error) !== 404 || (await ifThere(client.runs.get(threadId, run.run_id)))) throw error;
    return { ...gone, values: (await readState(client, threadId)).values };
  }
}

async function keepOrTakeBack(
  client: Client,
  services: StopRunServices,
  threadId: string,
  run: Run,
  stop: Stop,
): Promise<StopResult> {
  const { snapshots, settings } = services;
  const mayBeLeft = stop.reason === "user" && isPerhapsElsewhere(run);
  const settled = await cancel(client, services, threadId, run);
  if (mayBeLeft) {
    await stoppedElsewhere(client, threadId, run.run_id, stop.preferredKey);
    await client.runs.get(threadId, run.run_id);
  }
  if (await isOvertaken(client, threadId, run)) {
    snapshots.drop(client, settled);
    return await overtaken(client, threadId, stop, settled);
  }
  try {
    const result = await afterwards(client, snapshots, threadId, stop, settled, run.status);
    snapshots.drop(client, settled);
    return result;
  } catch (error) {
    throw asNotStored(stop.runId, error, settings.heal);
  }
}

/** It was created without a thread: the one that the server has made for it goes with it, and all that was said. */
const isTemporary = ({ kwargs }: Run & { kwargs?: { temporary?: unknown } }): boolean => kwargs?.temporary === true;

async function letGo(client: Client, services: StopRunServices, threadId: string, run: Run): Promise<StopResult> {
  try {
    const { status } = await cancel(client, services, threadId, run);
    return status === "success" ? finished : gone;
  } catch (error) {
    if (await ifThere(client.runs.get(threadId, run.run_id))) throw error;
    return gone;
  }
}

/** A run that had ended before, and was not the last on its thread: its text has no place there any more. */
async function isOvertaken(client: Client, threadId: string, run: Run): Promise<boolean> {
  return isTerminal(run) && (await hasNewerRun(client, threadId, run));
}

async function overtaken(client: Client, threadId: string, stop: Stop, run: Run): Promise<StopResult> {
  const state = await readState(client, threadId);
  if (run.status === "success") return { outcome: "finished", kept: [], tool_calls: [], values: state.values };
  return {
    outcome: "superseded",
    ...reportOn(state, gatherCut(stop, run, state, nothingStreamed)),
    values: state.values,
  };
}

async function afterwards(
  client: Client,
  snapshots: Snapshots,
  threadId: string,
  stop: Stop,
  run: Run,
  before: Run["status"],
): Promise<StopResult> {
  if (run.status === "success") {
    const state = await readState(client, threadId);
    // It has ended in a pause, which is to be closed, or altogether.
    const isDismissed = stop.dismiss && state.next.length > 0;
    if (!isDismissed) return { outcome: "finished", kept: [], tool_calls: [], values: state.values };
  }
  if (!isTerminal(run)) return await giveUp(client, threadId, stop, run);
  const transcript = isResumable(run)
    ? await replay(client, snapshots, threadId, run, {
        ran: before === "running",
        hasBegun: () => hasBeenCut(client, threadId, run, stop.preferredKey),
        // A thread whose next message waits is mended as far as it can be.
        lenient: stop.reason !== "user",
      })
    : nothingStreamed;
  const state = await readState(client, threadId);
  const cut = gatherCut(stop, { ...run, status: before }, state, transcript);
  // A second look at a run that was cut and dealt with, perhaps by another replica, writes nothing.
  if (isTerminal({ status: before }) && isWhole(state, run, cut.messagesKey ?? stop.preferredKey)) {
    return { outcome: "stopped", ...reportOn(state, cut), values: state.values };
  }
  if (await belongsToAnother(client, threadId, run)) {
    const left = await stateLeftBy(client, threadId, run, state);
    const unheard = isUnheard(before, state, stop) ? { input: inputOf(run) } : {};
    return { ...superseded(left, gatherCut(stop, run, left, transcript)), ...unheard, values: state.values };
  }
  if (stop.action === "rollback") return await rollBack(client, threadId, run, state, cut);
  if (await hasOpenMemory(client, threadId, run, state, cut.messagesKey)) {
    return await rollBack(client, threadId, run, state, cut, wholeTurnOf);
  }
  await keepMemories(client, threadId, stop, run, state, transcript);
  return await keepTurn(client, threadId, cut, state);
}

/** Whether the thread's head shows that the run's graph had begun, and that it was not through. */
async function hasBeenCut(client: Client, threadId: string, run: Run, messagesKey: string): Promise<boolean> {
  const state = await readState(client, threadId);
  return state.metadata?.run_id === run.run_id && !isWhole(state, run, messagesKey);
}

/**
 * A run that nobody carries out any more can neither be cancelled nor replayed, but it can be deleted.
 * Its turn goes back in as plain conversation, as far as the thread has it.
 */
async function giveUp(client: Client, threadId: string, stop: Stop, run: Run): Promise<StopResult> {
  const state = await readState(client, threadId);
  const cut = gatherCut(stop, run, state, nothingStreamed);
  const isUndo = stop.action === "rollback" && stop.keep === "nothing";
  return await rollBack(client, threadId, run, state, { ...cut, keep: isUndo ? "nothing" : "partial" });
}

/** Cut while it waited in the queue, and what it was asked stands nowhere yet. */
const isUnheard = (before: Run["status"], { metadata }: State, { runId }: Stop): boolean =>
  before === "pending" && metadata?.run_id !== runId;

/** Asks for the cancel and waits for the end side by side: some servers answer only when the run is over, or long after. */
async function cancel(client: Client, services: StopRunServices, threadId: string, run: Run): Promise<Run> {
  const { run_id: runId } = run;
  const abandoned = (now: Run) => isAbandoned(client, services, threadId, now);
  if (isTerminal(run)) return await settle(client, threadId, runId, abandoned);
  let refusal: unknown;
  let accepted = false;
  const cancelled = async () => {
    try {
      await client.runs.cancel(threadId, runId, false, "interrupt");
      accepted = true;
    } catch (error) {
      const status = statusOf(error);
      // 409: it hasn't quite ended. 404: it has, in the meantime, or the caller may only read it; its status tells.
      if (status === 409 || (status === 404 && isTerminal(await client.runs.get(threadId, runId)))) return;
      refusal = error;
    }
  };
  const asked = cancelled();
  const ended = settle(client, threadId, runId, abandoned).catch((error: unknown) => {
    throw accepted ? asNotStored(runId, error, services.settings.heal, "was cancelled") : error;
  });
  await Promise.race([ended, asked]);
  if (refusal) {
    ended.catch(() => "the refusal is what the caller has to know");
    throw refusal;
  }
  return await ended;
}
