import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Reason } from "../core/cut.ts";
import { isWhole } from "../core/whole.ts";
import type { Services } from "../services.ts";
import { isCut } from "./is-cut.ts";
import { readState } from "./reconcile.ts";

type Healing = Pick<Services, "stops" | "snapshots" | "log">;

/** Mends the thread if its latest run was cut, and nobody has looked after it. `runs`, oldest first. */
export async function heal(client: Client, services: Healing, threadId: string, runs: Run[]): Promise<void> {
  const { stops, snapshots } = services;
  const [latest, superseded] = runs.slice(-2).reverse();
  if (!latest) return;
  if (isCut(latest) && stops.lastOn(threadId)?.run.run_id !== latest.run_id) {
    await healAfter(client, services, threadId, latest);
  }
  // Whoever looked after it may have died.
  if (latest.status === "success") snapshots.drop(client, latest);
  // Nobody may have looked after it, and now its text has no place any more.
  if (superseded && isCut(superseded)) snapshots.drop(client, superseded);
}

/** A thread that can't be mended is no worse than it was: the new run may try. */
async function healAfter(
  client: Client,
  { stops, snapshots, log }: Healing,
  threadId: string,
  latest: Run,
): Promise<void> {
  try {
    if (isWhole(await readState(client, threadId), latest, stops.preferredKey)) {
      return snapshots.drop(client, latest);
    }
    const run = await client.runs.get(threadId, latest.run_id);
    await stops.stop(client, threadId, run, { ...stops.asked(run.run_id), reason: latest.status as Reason });
  } catch (error) {
    log.warn({ err: error, thread_id: threadId, run_id: latest.run_id }, "healing failed");
  }
}
