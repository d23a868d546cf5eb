import type { Client } from "@langchain/langgraph-sdk";
import type { Cut, State } from "../core/cut.ts";
import { messagesIn } from "../core/message.ts";
import { nextWrite, takeOut } from "../core/plan.ts";
import { cutReplies } from "../core/replies.ts";
import { reportOn } from "../core/report.ts";
import { isOf } from "./base.ts";
import { reconcile } from "./reconcile.ts";
import { ifThere } from "./step-ends.ts";
import type { StopResult } from "./stop-run.ts";

/**
 * What finished stays, what was cut is appended, and the thread is ready for
 * the next message. `head` is the thread as the run was seen to have left it.
 *
 * A turn that another stop takes back in the meantime, through another replica, does not come again.
 */
export async function keepTurn(client: Client, threadId: string, cut: Cut, head?: State): Promise<StopResult> {
  const isGone = async () => !(await ifThere(client.runs.get(threadId, cut.runId)));
  const isOwn = head !== undefined && isOf(head, { run_id: cut.runId });
  if (head && !isOwn && (await isGone())) return asItStands(head, cut);
  const plan = (now: State) => nextWrite(now, cut);
  let upon = head;
  let isDisplaced = false;
  const watchful = (now: State) => {
    isDisplaced = isOwn && !follows(now, upon);
    upon = now;
    return isDisplaced ? undefined : plan(now);
  };
  let kept = await reconcile(client, threadId, cut.runId, watchful, head);
  if (isDisplaced) {
    const next = (await isGone()) ? (now: State) => takeOut(now, cut) : plan;
    kept = await reconcile(client, threadId, cut.runId, next, kept.state);
  }
  return kept.superseded ? superseded(kept.state, cut) : asItStands(kept.state, cut);
}

/** Whether this is the same head as before, or was written upon it; where the server doesn't say, it is taken for that. */
function follows(now: State, before: State | undefined): boolean {
  const id = before?.checkpoint?.checkpoint_id;
  const { checkpoint, parent_checkpoint: parent } = now;
  return !id || parent === undefined || [checkpoint?.checkpoint_id, parent?.checkpoint_id].includes(id);
}

/** Whatever the thread shows of the run is what was kept. */
export const asItStands = (state: State, cut: Cut): StopResult => ({
  outcome: "stopped",
  ...reportOn(state, cut),
  values: state.values,
});

/** Nothing is written; what would have been kept is handed back. */
export function superseded(state: State, cut: Cut): StopResult {
  const kept = cutReplies(messagesIn(state.values, cut.messagesKey), cut).map(({ reply }) => reply);
  return { outcome: "superseded", kept, tool_calls: [], values: state.values };
}
