import type { Client } from "@langchain/langgraph-sdk";
import type { Cut, State } from "../core/cut.ts";
import { messagesIn } from "../core/message.ts";
import { nextWrite } from "../core/plan.ts";
import { cutReplies } from "../core/replies.ts";
import { reportOn } from "../core/report.ts";
import { reconcile } from "./reconcile.ts";
import type { StopResult } from "./stop-run.ts";

/** What finished stays, what was cut is appended, and the thread is ready for the next message. */
export async function keepTurn(client: Client, threadId: string, cut: Cut, head?: State): Promise<StopResult> {
  const plan = (now: State) => nextWrite(now, cut);
  const { state, superseded: tooLate } = await reconcile(client, threadId, cut.runId, plan, head);
  if (tooLate) return superseded(state, cut);
  return { outcome: "stopped", ...reportOn(state, cut), values: state.values };
}

/** Nothing is written; what would have been kept is handed back. */
export function superseded(state: State, cut: Cut): StopResult {
  const kept = cutReplies(messagesIn(state.values, cut.messagesKey), cut).map(({ reply }) => reply);
  return { outcome: "superseded", kept, tool_calls: [], values: state.values };
}
