import type { Client, Run } from "@langchain/langgraph-sdk";
import { type Cut, gatherCut, type State, type Stop } from "../core/cut.ts";
import { itemsIn, messagesIn } from "../core/message.ts";
import { nextTurnWrite, nextWrite } from "../core/plan.ts";
import { cutReplies } from "../core/replies.ts";
import { type Report, reportOn } from "../core/report.ts";
import type { Transcript } from "../core/transcript.ts";
import { turnOf } from "../core/turn.ts";
import { statusOf } from "../upstream.ts";
import { hadLaterTurn, hasNewerRun, hasOtherActiveRun, readState, reconcile } from "./reconcile.ts";
import { replay } from "./replay.ts";
import { isTerminal, settle } from "./settle.ts";

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

const nothingStreamed: Transcript = { whole: true, replies: [], calls: new Map() };

/**
 * Stops one run and brings its thread to where the conversation can go on:
 * cancel, wait for the end, replay, plan, write, look again.
 *
 * `run` is as the caller itself has read it, which shows its right to. Throws the SDK's errors as
 * they are, and `ProxyError` where the server did not do what it said.
 */
export async function stopRun(client: Client, threadId: string, run: Run, stop: Stop): Promise<StopResult> {
  const settled = await cancel(client, threadId, run);
  if (await isOvertaken(client, threadId, run)) return await overtaken(client, threadId, stop, settled);
  return await afterwards(client, threadId, stop, settled, run.status);
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
  threadId: string,
  stop: Stop,
  run: Run,
  before: Run["status"],
): Promise<StopResult> {
  if (run.status === "success") {
    return { outcome: "finished", kept: [], tool_calls: [], values: (await readState(client, threadId)).values };
  }
  const transcript = isResumable(run) ? await replay(client, threadId, stop.runId) : nothingStreamed;
  const state = await readState(client, threadId);
  const cut = gatherCut(stop, { ...run, status: before }, state, transcript);
  const late = (await hasOtherActiveRun(client, threadId, stop.runId)) || (await hadLaterTurn(client, threadId, run));
  if (late) return { ...superseded(state, cut), ...(isUnheard(before, state, stop) ? { input: inputOf(run) } : {}) };
  return stop.action === "rollback"
    ? await rollBack(client, threadId, run, state, cut)
    : await keepTurn(client, threadId, cut);
}

/** Cut while it waited in the queue, and what it was asked stands nowhere yet. */
const isUnheard = (before: Run["status"], { metadata }: State, { runId }: Stop): boolean =>
  before === "pending" && metadata?.run_id !== runId;

const inputOf = (run: Run): unknown => (run as { kwargs?: { input?: unknown } }).kwargs?.input;

/** Asks for the cancel and waits for the end side by side: some servers answer only when the run is over, or long after. */
async function cancel(client: Client, threadId: string, run: Run): Promise<Run> {
  const { run_id: runId } = run;
  if (isTerminal(run)) return await settle(client, threadId, runId);
  let refusal: unknown;
  const asked = client.runs.cancel(threadId, runId, false, "interrupt").catch((error: unknown) => {
    // 404 and 409: it has ended in the meantime, or hasn't quite; its status tells.
    if (![404, 409].includes(statusOf(error) ?? 0)) refusal = error;
  });
  const ended = settle(client, threadId, runId);
  await Promise.race([ended, asked]);
  if (refusal) {
    ended.catch(() => "the refusal is what the caller has to know");
    throw refusal;
  }
  return await ended;
}

/** Aegra tells no `kwargs`, and replays every run. */
function isResumable(run: Run): boolean {
  const { kwargs } = run as { kwargs?: { resumable?: boolean } };
  return kwargs?.resumable ?? kwargs === undefined;
}

async function keepTurn(client: Client, threadId: string, cut: Cut): Promise<StopResult> {
  const { state, superseded: tooLate } = await reconcile(client, threadId, cut.runId, (head) => nextWrite(head, cut));
  if (tooLate) return superseded(state, cut);
  return { outcome: "stopped", ...reportOn(state, cut), values: state.values };
}

async function rollBack(client: Client, threadId: string, run: Run, state: State, cut: Cut): Promise<StopResult> {
  const input = inputOf(run);
  await client.runs.delete(threadId, cut.runId);
  const before = await readState(client, threadId);
  const earlier = messagesIn(before.values, cut.messagesKey);
  const earlierItems = itemsIn(before.values, cut.messagesKey);
  const turn = turnOf(state, earlier, input, cut);
  const written = await reconcile(client, threadId, cut.runId, (head) => nextTurnWrite(head, cut, earlierItems, turn));
  if (written.superseded) return { ...superseded(state, cut), input };
  const report = { ...reportOn(written.state, cut), tool_calls: reportOn(state, cut).tool_calls };
  return {
    outcome: "stopped",
    ...report,
    ...(cut.keep === "nothing" ? { input } : {}),
    values: written.state.values,
  };
}

/** Nothing is written; what would have been kept is handed back. */
function superseded(state: State, cut: Cut): StopResult {
  const kept = cutReplies(messagesIn(state.values, cut.messagesKey), cut).map(({ reply }) => reply);
  return { outcome: "superseded", kept, tool_calls: [], values: state.values };
}
