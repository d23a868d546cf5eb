import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Stop } from "../core/cut.ts";
import { isTerminal } from "../stop/settle.ts";
import { statusOf } from "../upstream.ts";
import { flagKey, flagOf, queueKey } from "./chain.ts";

/** A flag never has its turn: it is lowered long before this time, in seconds. */
const tenYears = 10 * 365 * 24 * 3600;

/**
 * Says that a run is to be stopped: by a run that waits in the thread's own
 * queue and never starts. As long as it waits, the server refuses every further
 * step, whichever replica asks for it; and it is still there when the one who
 * raised it has died.
 */
export async function raiseFlag(
  { runs }: Client,
  threadId: string,
  { run_id, assistant_id }: Run,
  { withQueue }: Pick<Stop, "withQueue"> = {},
): Promise<Run> {
  return await runs.create(threadId, assistant_id, {
    input: null,
    metadata: { [flagKey]: run_id, ...(withQueue ? { [queueKey]: true } : {}) },
    multitaskStrategy: "enqueue",
    afterSeconds: tenYears,
    interruptBefore: "*",
  });
}

/** The flags of a run, also those that are lowered already, without a look at all of its thread's runs. */
export async function flagsOf({ runs }: { runs: Pick<Client["runs"], "list"> }, threadId: string, firstId: string) {
  const found: Run[] = [];
  // In this order: one that is lowered meanwhile is in both.
  for (const status of ["pending", "interrupted"] as const) {
    found.push(...(await runs.list(threadId, { status, limit: 1000, select: ["run_id", "status", "metadata"] })));
  }
  return found.filter((run) => flagOf(run) === firstId);
}

/** A cancel of what has not begun takes effect at once, but some servers answer it half a second later. */
export async function lowerFlags(client: Client, threadId: string, flags: Run[]): Promise<void> {
  const isGone = (error: unknown) => {
    if (![404, 409].includes(statusOf(error) ?? 0)) throw error;
  };
  const lowered = async ({ run_id }: Run) => {
    for (;;) {
      const run = await client.runs.get(threadId, run_id).catch(isGone);
      if (!run || isTerminal(run)) return;
      await delay(5);
    }
  };
  await Promise.all(
    flags
      .filter((flag) => !isTerminal(flag))
      .map(async (flag) => {
        const cancelled = client.runs.cancel(threadId, flag.run_id, false, "interrupt").catch(isGone);
        await Promise.race([cancelled.then(() => lowered(flag)), lowered(flag)]);
      }),
  );
}

/**
 * What is left of stops of runs that are over by now: whoever raised them has
 * died. They would keep the thread busy.
 */
export async function clearFlags(client: Client, threadId: string, flags: Run[]): Promise<void> {
  await lowerFlags(client, threadId, flags);
  await removeFlags(client, threadId, flags);
}

/** Once the thread is as the stop should leave it. */
export async function removeFlags({ runs }: Client, threadId: string, flags: Run[]): Promise<void> {
  for (const { run_id } of flags) {
    try {
      await runs.delete(threadId, run_id);
    } catch (error) {
      // Another replica was quicker, or the caller may not: it is not in the way.
      if (![403, 404, 409].includes(statusOf(error) ?? 0)) throw error;
    }
  }
}
