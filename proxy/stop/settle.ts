import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { ProxyError } from "../errors.ts";
import { hasOtherActiveRun } from "./reconcile.ts";

/** How long a cancelled run may take to wind down, in milliseconds. */
const patience = 30_000;

export const isTerminal = (run: Pick<Run, "status">): boolean => run.status !== "pending" && run.status !== "running";

/** After this time it is asked whether anybody still carries the run out, in milliseconds. */
const stalled = 2000;

/**
 * Waits until the run has ended and its thread no longer says `busy`: a server
 * under load has called a run interrupted that went on for a while.
 *
 * Resolves to a run that is still `running` if nobody carries it out any more.
 * Throws `ProxyError` 504 `still_running` after 30 s; the run is then not stopped.
 */
export async function settle(
  { runs, threads }: { runs: Pick<Client["runs"], "get" | "list">; threads: Pick<Client["threads"], "get"> },
  threadId: string,
  runId: string,
  isAbandoned: (run: Run) => Promise<boolean>,
): Promise<Run> {
  const deadline = Date.now() + patience;
  let doubtsAt = Date.now() + stalled;
  for (let pause = 5; ; pause = Math.min(pause * 2, 200)) {
    const run = await runs.get(threadId, runId);
    if (isTerminal(run)) {
      if ((await threads.get(threadId)).status !== "busy") return run;
      // Busy with another run; this one is over.
      if (await hasOtherActiveRun({ runs }, threadId, runId)) return run;
    }
    if (!isTerminal(run) && Date.now() > doubtsAt) {
      doubtsAt = Number.POSITIVE_INFINITY;
      if (await isAbandoned(run)) return run;
    }
    if (Date.now() > deadline) {
      const message = `Run ${runId} was cancelled, but is still ${run.status} after ${patience / 1000} s.`;
      throw new ProxyError(504, "still_running", message);
    }
    await delay(pause);
  }
}
