import type { Client, Run } from "@langchain/langgraph-sdk";
import { statusOf } from "../upstream.ts";

/**
 * Takes out of the thread's queue what waits behind the run that is to be
 * stopped, or it would start as soon as that one ends. A run that has just
 * started or ended meanwhile is left: its own stop is still to come.
 */
export async function cancelQueued(
  { runs }: { runs: Pick<Client["runs"], "cancel"> },
  threadId: string,
  active: Run[],
  fewest = 2,
): Promise<void> {
  if (active.length < fewest) return;
  const queued = active.filter(({ status }) => status === "pending");
  const cancel = async ({ run_id }: Run) => {
    try {
      await runs.cancel(threadId, run_id, false, "interrupt");
    } catch (error) {
      if (![404, 409].includes(statusOf(error) ?? 0)) throw error;
    }
  };
  await Promise.all(queued.map(cancel));
}
