import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { isTerminal } from "../stop/settle.ts";
import { statusOf } from "../upstream.ts";
import { flagKey } from "./chain.ts";

/** A flag never has its turn: it is lowered long before this time, in seconds. */
const tenYears = 10 * 365 * 24 * 3600;

/**
 * Says that a run is to be stopped: by a run that waits in the thread's own
 * queue and never starts. As long as it waits, the server refuses every further
 * step, whichever replica asks for it; and it is still there when the one who
 * raised it has died.
 */
export async function raiseFlag({ runs }: Client, threadId: string, { run_id, assistant_id }: Run): Promise<Run> {
  return await runs.create(threadId, assistant_id, {
    input: null,
    metadata: { [flagKey]: run_id },
    multitaskStrategy: "enqueue",
    afterSeconds: tenYears,
    interruptBefore: "*",
  });
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
