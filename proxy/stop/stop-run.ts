import type { Client, Run } from "@langchain/langgraph-sdk";
import { type Cut, gatherCut, type State, type Stop } from "../core/cut.ts";
import { itemsIn, messagesIn } from "../core/message.ts";
import { nextTurnWrite, nextWrite } from "../core/plan.ts";
import { cutReplies } from "../core/replies.ts";
import { type Report, reportOn } from "../core/report.ts";
import type { Transcript } from "../core/transcript.ts";
import { turnOf } from "../core/turn.ts";
import { isWhole } from "../core/whole.ts";
import { causeOf, ProxyError } from "../errors.ts";
import { statusOf } from "../upstream.ts";
import { belongsToAnother, hasNewerRun, readState, reconcile } from "./reconcile.ts";
import { replay } from "./replay.ts";
import { RollbackRefused } from "./rollback-refused.ts";
import { isTerminal, settle } from "./settle.ts";

/** `stopped`; `finished`: it ended by itself; `superseded`: a newer run owns the thread. */
export type Outcome = "stopped" | "finished" | "superseded";

/** What a stop of one run came to. */
export interface StopResult extends Report {
  outcome: Outcome;
  /** The input of a turn that was undone. */
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
  try {
    return await afterwards(client, threadId, stop, settled, run.status);
  } catch (error) {
    throw asNotStored(stop.runId, error);
  }
}

/** The run has ended, but the server failed before all was written; what it refused the caller stays its own answer. */
function asNotStored(runId: string, error: unknown): unknown {
  const status = statusOf(error) ?? (error instanceof ProxyError ? error.status : 502);
  if (status < 500 && status !== 409) return error;
  const message = `Run ${runId} is stopped, but what it said is not stored yet: ${causeOf(error)} It will be, before the next message on this thread.`;
  return new ProxyError(502, "not_stored", message, { cause: error });
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
  const transcript = isResumable(run)
    ? await replay(client, threadId, stop.runId, { ran: before === "running" })
    : nothingStreamed;
  const state = await readState(client, threadId);
  const cut = gatherCut(stop, { ...run, status: before }, state, transcript);
  // A second look at a run that was cut and dealt with, perhaps by another replica, writes nothing.
  if (isTerminal({ status: before }) && isWhole(state, run, cut.messagesKey ?? stop.preferredKey)) {
    return { outcome: "stopped", ...reportOn(state, cut), values: state.values };
  }
  if (await belongsToAnother(client, threadId, run)) return superseded(state, cut);
  return stop.action === "rollback"
    ? await rollBack(client, threadId, run, state, cut)
    : await keepTurn(client, threadId, cut);
}

/** Asks for the cancel and waits for the end side by side: some servers answer only when the run is over, or long after. */
async function cancel(client: Client, threadId: string, run: Run): Promise<Run> {
  const { run_id: runId } = run;
  if (isTerminal(run)) return await settle(client, threadId, runId);
  let refusal: unknown;
  const asked = client.runs.cancel(threadId, runId, false, "interrupt").catch(async (error: unknown) => {
    const status = statusOf(error);
    // 409: it hasn't quite ended. 404: it has, in the meantime, or the caller may only read it; its status tells.
    if (status === 409 || (status === 404 && isTerminal(await client.runs.get(threadId, runId)))) return;
    refusal = error;
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
  const { input } = (run as { kwargs?: { input?: unknown } }).kwargs ?? {};
  const refusal = await deleteRun(client, threadId, cut.runId);
  if (refusal) {
    const result = await keepTurn(client, threadId, { ...cut, action: "interrupt" });
    throw RollbackRefused.of(result, cut.keep, refusal);
  }
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

/** Resolves to the server's refusal, if the caller may not delete the run: 403, or 404 although the run is there. */
async function deleteRun(client: Client, threadId: string, runId: string) {
  try {
    await client.runs.delete(threadId, runId);
  } catch (cause) {
    const status = statusOf(cause);
    if (status !== 403 && status !== 404) throw cause;
    if (status === 404) await client.runs.get(threadId, runId);
    return { status, cause };
  }
  return undefined;
}

/** Nothing is written; what would have been kept is handed back. */
function superseded(state: State, cut: Cut): StopResult {
  const kept = cutReplies(messagesIn(state.values, cut.messagesKey), cut).map(({ reply }) => reply);
  return { outcome: "superseded", kept, tool_calls: [], values: state.values };
}
