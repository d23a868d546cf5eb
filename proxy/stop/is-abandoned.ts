import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Services } from "../services.ts";

/** A run that goes on shows at least its beginning when it is joined, within this time in milliseconds. */
const patience = 3000;

/**
 * Whether a run that is called running isn't any more: the JS server takes up
 * its threads again after a restart, but not the runs it was carrying out;
 * they stay `running`, can't be cancelled, and block their thread.
 */
export async function isAbandoned(
  { runs }: { runs: Pick<Client["runs"], "joinStream"> },
  { server }: Pick<Services, "server">,
  threadId: string,
  run: Run,
): Promise<boolean> {
  const { kwargs } = run as { kwargs?: { resumable?: boolean } };
  // Another reader of a run that can't be read again would take its events.
  if (run.status !== "running" || !kwargs?.resumable || (await server.kind()) !== "js") return false;
  const signal = AbortSignal.timeout(patience);
  try {
    for await (const _part of runs.joinStream(threadId, run.run_id, { lastEventId: "-1", signal })) return false;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return signal.aborted;
}
