import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Cut, State } from "../core/cut.ts";
import { itemsIn, messagesIn } from "../core/message.ts";
import { answered, nextTurnWrite } from "../core/plan.ts";
import { reportOn } from "../core/report.ts";
import { turnOf } from "../core/turn.ts";
import { statusOf } from "../upstream.ts";
import { keepTurn, superseded } from "./keep-turn.ts";
import { NotWrittenBack, type Undone } from "./not-written-back.ts";
import { belongsToAnother, readState, reconcile } from "./reconcile.ts";
import { RollbackRefused } from "./rollback-refused.ts";
import type { StopResult } from "./stop-run.ts";

/** Deletes the run with its checkpoints, and writes back of its turn what is to be kept. */
export async function rollBack(
  client: Client,
  threadId: string,
  run: Run,
  state: State,
  cut: Cut,
): Promise<StopResult> {
  const refusal = await deleteRun(client, threadId, cut.runId);
  if (refusal) {
    const result = await keepTurn(client, threadId, { ...cut, action: "interrupt" });
    throw RollbackRefused.of(result, cut.keep, refusal);
  }
  const undone = { run, state, cut };
  try {
    return await writeBack(client, threadId, undone);
  } catch (error) {
    throw NotWrittenBack.of(undone, error) ?? error;
  }
}

/**
 * The turn of a run that was undone goes back in as plain conversation. Can be
 * asked for again, by whoever comes next, if it fails; the run itself is gone
 * and could tell nobody.
 */
export async function writeBack(client: Client, threadId: string, { run, state, cut }: Undone): Promise<StopResult> {
  const { input } = (run as { kwargs?: { input?: unknown } }).kwargs ?? {};
  if (await belongsToAnother(client, threadId, run)) return { ...superseded(state, cut), input };
  const before = await readState(client, threadId);
  const earlier = messagesIn(before.values, cut.messagesKey);
  const earlierItems = itemsIn(before.values, cut.messagesKey);
  const turn = turnOf(state, earlier, input, cut);
  const written = await reconcile(client, threadId, cut.runId, (head) => nextTurnWrite(head, cut, earlierItems, turn));
  if (written.superseded) return { ...superseded(state, cut), input };
  const report = { ...reportOn(written.state, cut), tool_calls: reportOn(answered(state, cut), cut).tool_calls };
  return {
    outcome: "stopped",
    ...report,
    ...(cut.keep === "nothing" ? { input } : {}),
    values: written.state.values,
  };
}

/**
 * Resolves to the server's refusal, if the caller may not delete the run: 403,
 * or 404 although the run is there. Where it is not, it was deleted by a call
 * whose answer was lost, or by another replica.
 */
async function deleteRun(client: Client, threadId: string, runId: string) {
  try {
    await client.runs.delete(threadId, runId);
  } catch (cause) {
    const status = statusOf(cause);
    if (status !== 403 && status !== 404) throw cause;
    if (status === 404 && !(await isThere(client, threadId, runId))) return undefined;
    return { status, cause };
  }
  return undefined;
}

async function isThere(client: Client, threadId: string, runId: string): Promise<boolean> {
  try {
    await client.runs.get(threadId, runId);
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}
