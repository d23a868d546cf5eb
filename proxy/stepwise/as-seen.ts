import type { Client, Run } from "@langchain/langgraph-sdk";
import { readState } from "../stop/reconcile.ts";
import { isTerminal } from "../stop/settle.ts";
import { type Chain, chainOf, flagOf, latestChain } from "./chain.ts";
import { allRuns } from "./read-chain.ts";
import { standingIn } from "./standing.ts";
import { firstOf } from "./step-body.ts";

type SeenClient = { runs: Pick<Client["runs"], "list">; threads: Pick<Client["threads"], "getState"> };

/**
 * The run as clients are to see it: a step is the whole run, under the first
 * one's id, and `running` as long as that lives, unless it waits behind
 * another run. Any other run is as it is, and costs nothing.
 */
export async function asSeen(client: SeenClient, threadId: string, run: Run): Promise<Run> {
  const firstId = firstOf(run);
  const chain = firstId && chainOf(await allRuns(client, threadId), firstId);
  return chain ? await wholeRun(client, threadId, chain) : run;
}

/**
 * The active runs as clients are to see them: without flags, and each run that
 * is driven step by step once; also the one that rests between two of its steps,
 * if nothing else is active.
 */
export async function activeAsSeen(client: SeenClient, threadId: string, active: Run[]): Promise<Run[]> {
  if (active.length > 0 && !active.some((run) => flagOf(run) || firstOf(run))) return active;
  const all = await allRuns(client, threadId);
  const seen = new Map<string, Run>();
  for (const run of active.filter((one) => !flagOf(one))) {
    const chain = chainOf(all, firstOf(run) ?? "");
    const whole = chain ? await wholeRun(client, threadId, chain) : run;
    if (!isTerminal(whole)) seen.set(whole.run_id, whole);
  }
  if (seen.size > 0) return [...seen.values()];
  const chain = latestChain(all);
  const whole = chain && (await wholeRun(client, threadId, chain));
  return whole && !isTerminal(whole) ? [whole] : [];
}

async function wholeRun(client: SeenClient, threadId: string, chain: Chain): Promise<Run> {
  if (chain.queued) return chain.first;
  return { ...chain.first, status: (await isAlive(client, threadId, chain)) ? "running" : chain.last.status };
}

/** Whether a step of it runs, or is still to come. */
export async function isAlive(
  { threads }: Pick<SeenClient, "threads">,
  threadId: string,
  chain: Chain,
): Promise<boolean> {
  if (!isTerminal(chain.last)) return true;
  if (chain.last.status !== "success" || chain.overtaken) return false;
  return (await standingIn({ threads }, threadId, chain, await readState({ threads }, threadId))) === "resting";
}
