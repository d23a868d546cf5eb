import type { Client, Run } from "@langchain/langgraph-sdk";
import { type Cut, gatherCut, type State, type Stop } from "../core/cut.ts";
import { reportOn } from "../core/report.ts";
import type { Transcript } from "../core/transcript.ts";
import { keepTurn } from "../stop/keep-turn.ts";
import { readState } from "../stop/reconcile.ts";
import { rollBack } from "../stop/roll-back.ts";
import { isTerminal } from "../stop/settle.ts";
import { type StopResult, type StopRunServices, stopRun } from "../stop/stop-run.ts";
import type { Chain } from "./chain.ts";
import { lowerFlags, removeFlags } from "./flags.ts";
import { readChain } from "./read-chain.ts";
import { standingIn } from "./standing.ts";

/** Nothing was cut, and of what is open nothing had begun. */
const atBoundary: Transcript = { whole: true, replies: [], calls: new Map(), nothingBegan: true };

/** The server has died in the middle of a step, and what that had streamed with it. */
const inStep: Transcript = { whole: true, replies: [], calls: new Map() };

const nothing = { kept: [], tool_calls: [] };

/**
 * Carries out a stop at the boundary where the run rests: its flags are lowered,
 * but stay readable, then the thread is brought to where the conversation goes
 * on, and only then the flags are removed. So whoever dies in between leaves
 * something that says what is to be done.
 *
 * `last` is the step that it rests behind, or one that nobody carries out any
 * more. Undefined if the run has gone on from there.
 */
export async function honourStop(
  client: Client,
  services: StopRunServices,
  threadId: string,
  firstId: string,
  stop: Stop,
  last: Run | undefined,
): Promise<StopResult | undefined> {
  const chain = await readChain(client, threadId, firstId);
  if (!chain) throw new Error(`Run ${firstId} is not there any more.`);
  const isCut = last !== undefined && !isTerminal(last);
  if (isCut ? chain.last.run_id !== last.run_id : !isTerminal(chain.last)) return undefined;
  await lowerFlags(client, threadId, chain.flags);
  const result = isCut
    ? await afterCut(client, services, threadId, chain, stop)
    : await atRest(client, threadId, chain, stop, atBoundary);
  await removeFlags(client, threadId, chain.flags);
  return result;
}

/** The step that was cut is dealt with as any run that nobody carries out any more: it is deleted. */
async function afterCut(client: Client, services: StopRunServices, threadId: string, chain: Chain, stop: Stop) {
  const { first, steps, last } = chain;
  const before = steps.at(-2);
  if (!before) return await stopRun(client, services, threadId, first, stop);
  await client.runs.delete(threadId, last.run_id);
  return await atRest(client, threadId, { ...chain, steps: steps.slice(0, -1), last: before }, stop, inStep);
}

async function atRest(
  client: Client,
  threadId: string,
  chain: Chain,
  stop: Stop,
  transcript: Transcript,
): Promise<StopResult> {
  const state = await readState(client, threadId);
  const { values } = state;
  const cut = gatherCut(stop, { ...chain.first, status: "running" }, state, transcript);
  const standing = await standingIn(client, threadId, chain, state);
  if (standing === "resting" && cut.action === "rollback")
    return await rollBackSteps(client, threadId, chain, state, cut);
  if (standing === "resting") return await keepTurn(client, threadId, cut, state);
  if (chain.overtaken) return { outcome: "superseded", ...nothing, values };
  // Another replica has been asked, too, and was here first.
  const isHonoured = state.next.length === 0 && state.metadata?.source === "update";
  return isHonoured
    ? { outcome: "stopped", ...reportOn(state, cut), values }
    : { outcome: "finished", ...nothing, values };
}

/** All later steps are deleted, so that the first run can be rolled back like any other, with what all of them have said. */
async function rollBackSteps(client: Client, threadId: string, { first, steps }: Chain, state: State, cut: Cut) {
  for (const { run_id } of steps.slice(1).reverse()) await client.runs.delete(threadId, run_id);
  return await rollBack(client, threadId, first, state, cut);
}
