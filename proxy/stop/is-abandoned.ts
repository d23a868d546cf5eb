import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Services } from "../services.ts";

/** A run that goes on shows at least its beginning when it is joined, within this time in milliseconds. */
const patience = 3000;
/** A server that takes longer for a plain read is too busy to be judged by its silence, in milliseconds. */
const promptly = 300;

type JoinClient = { runs: Pick<Client["runs"], "joinStream" | "get"> };

/**
 * Whether a run that is called running isn't any more: the JS server takes up
 * its threads again after a restart, but not the runs it was carrying out;
 * they stay `running`, can't be cancelled, and block their thread.
 *
 * Such a run is deleted in the end, so this asks twice, and says no wherever
 * the server may merely be slow.
 */
export async function isAbandoned(
  client: JoinClient,
  { server }: Pick<Services, "server">,
  threadId: string,
  run: Run,
): Promise<boolean> {
  const { kwargs } = run as { kwargs?: { resumable?: boolean } };
  // Another reader of a run that can't be read again would take its events.
  if (run.status !== "running" || !kwargs?.resumable || (await server.kind()) !== "js") return false;
  for (let asked = 0; asked < 2; asked++) {
    if (!(await isSilent(client, threadId, run.run_id))) return false;
    const askedAt = performance.now();
    const { status } = await client.runs.get(threadId, run.run_id);
    if (status !== "running" || performance.now() - askedAt > promptly) return false;
  }
  return true;
}

async function isSilent({ runs }: JoinClient, threadId: string, runId: string): Promise<boolean> {
  const signal = AbortSignal.timeout(patience);
  try {
    for await (const _part of runs.joinStream(threadId, runId, { lastEventId: "-1", signal })) return false;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return signal.aborted;
}
