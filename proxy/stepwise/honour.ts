import type { Client } from "@langchain/langgraph-sdk";
import { type Cut, gatherCut, type State, type Stop } from "../core/cut.ts";
import { reportOn } from "../core/report.ts";
import type { Transcript } from "../core/transcript.ts";
import { keepTurn } from "../stop/keep-turn.ts";
import { readState } from "../stop/reconcile.ts";
import { rollBack } from "../stop/roll-back.ts";
import type { StopResult } from "../stop/stop-run.ts";
import type { Chain } from "./chain.ts";
import { lowerFlags, removeFlags } from "./flags.ts";
import { readChain } from "./read-chain.ts";
import { standingIn } from "./standing.ts";

/** Nothing was cut, and of what is open nothing had begun. */
const atBoundary: Transcript = { whole: true, replies: [], calls: new Map(), nothingBegan: true };

/**
 * Carries out a stop at the boundary where the run rests: its flags are lowered,
 * but stay readable, then the thread is brought to where the conversation goes
 * on, and only then the flags are removed. So whoever dies in between leaves
 * something that says what is to be done.
 */
export async function honourStop(client: Client, threadId: string, firstId: string, stop: Stop): Promise<StopResult> {
  const chain = await readChain(client, threadId, firstId);
  if (!chain) throw new Error(`Run ${firstId} is not there any more.`);
  await lowerFlags(client, threadId, chain.flags);
  const state = await readState(client, threadId);
  const cut = gatherCut(stop, { ...chain.first, status: "running" }, state, atBoundary);
  const result = await outcome(client, threadId, chain, state, cut);
  await removeFlags(client, threadId, chain.flags);
  return result;
}

async function outcome(client: Client, threadId: string, chain: Chain, state: State, cut: Cut): Promise<StopResult> {
  const nothing = { kept: [], tool_calls: [], values: state.values };
  const standing = await standingIn(client, threadId, chain, state);
  if (standing === "resting" && cut.action === "rollback")
    return await rollBackSteps(client, threadId, chain, state, cut);
  if (standing === "resting") return await keepTurn(client, threadId, cut, state);
  if (chain.overtaken) return { outcome: "superseded", ...nothing };
  // Another replica has been asked, too, and was here first.
  const isHonoured = state.next.length === 0 && state.metadata?.source === "update";
  return isHonoured
    ? { outcome: "stopped", ...reportOn(state, cut), values: state.values }
    : { outcome: "finished", ...nothing };
}

/** All later steps are deleted, so that the first run can be rolled back like any other, with what all of them have said. */
async function rollBackSteps(client: Client, threadId: string, { first, steps }: Chain, state: State, cut: Cut) {
  for (const { run_id } of steps.slice(1).reverse()) await client.runs.delete(threadId, run_id);
  return await rollBack(client, threadId, first, state, cut);
}
