import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { isTerminal } from "../stop/settle.ts";

/** How often it is looked, in milliseconds, at most; the first time at once. */
const pause = 250;
/** After this time, and then again as often, it is asked whether anybody still carries the run out, in milliseconds. */
const doubtful = 2000;
const doubtfulAgain = 10_000;

export interface Watch {
  signal?: AbortSignal;
  /** Says that now is a good time to look. */
  hint?: Promise<void>;
  /** Done each time it is looked. */
  each?: () => Promise<void>;
  /** Whether nobody carries the run out any more. */
  isAbandoned?: (run: Run) => Promise<boolean>;
}

/**
 * Waits until the run has ended, however long it takes, and resolves to it; to
 * a run that is still `running` if nobody carries it out any more.
 *
 * It looks, and doesn't join: whoever joins a run on the JS server before it
 * has begun, and doesn't ask for a replay, takes the replay from all others.
 */
export async function whenEnded(
  { runs }: { runs: Pick<Client["runs"], "get"> },
  threadId: string,
  runId: string,
  { signal, hint, each, isAbandoned }: Watch = {},
): Promise<Run> {
  let doubtsAt = Date.now() + doubtful;
  for (let rest = 20; ; rest = Math.min(rest * 1.5, pause)) {
    const run = await runs.get(threadId, runId, { signal });
    if (isTerminal(run)) return run;
    await each?.();
    if (isAbandoned && Date.now() > doubtsAt) {
      if (await isAbandoned(run)) return run;
      doubtsAt = Date.now() + doubtfulAgain;
    }
    const hinted = hint?.then(() => delay(20));
    await Promise.race([delay(rest, undefined, { signal }), ...(hinted ? [hinted] : [])]);
  }
}
