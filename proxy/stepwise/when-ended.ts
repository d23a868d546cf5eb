import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { isTerminal } from "../stop/settle.ts";

/** How often it is looked, in milliseconds, at most; the first time at once. */
const pause = 250;

/**
 * Waits until the run has ended, however long it takes, and resolves to it.
 * `hint` may say that now is a good time to look.
 *
 * It looks, and doesn't join: whoever joins a run on the JS server before it
 * has begun, and doesn't ask for a replay, takes the replay from all others.
 */
export async function whenEnded(
  { runs }: { runs: Pick<Client["runs"], "get"> },
  threadId: string,
  runId: string,
  { signal, hint }: { signal?: AbortSignal; hint?: Promise<void> } = {},
): Promise<Run> {
  for (let rest = 20; ; rest = Math.min(rest * 1.5, pause)) {
    const run = await runs.get(threadId, runId, { signal });
    if (isTerminal(run)) return run;
    const hinted = hint?.then(() => delay(20));
    await Promise.race([delay(rest, undefined, { signal }), ...(hinted ? [hinted] : [])]);
  }
}
