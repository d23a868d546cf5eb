import type { Client, Run } from "@langchain/langgraph-sdk";
import { leaveRefusal } from "./refusals.ts";

/** So many runs a server tells of at a time. */
const page = 1000;

type ListClient = { runs: Pick<Client["runs"], "list"> };

/** What is told of each run. */
const fields = ["run_id", "status", "created_at", "updated_at", "metadata"] as const;

/** All of the thread's runs, however many, oldest first; servers list them in different orders. */
export async function everyRun(
  { runs }: ListClient,
  threadId: string,
  select: readonly string[] = fields,
): Promise<Run[]> {
  const found = new Map<string, Run>();
  for (let offset = 0; ; offset += page) {
    const some = await runs.list(threadId, { limit: page, offset, select: [...select] as never });
    for (const run of some) found.set(run.run_id, run);
    if (some.length < page) return [...found.values()].sort(byAge);
  }
}

export const byAge = (a: Run, b: Run): number =>
  Date.parse(a.created_at) - Date.parse(b.created_at) || a.run_id.localeCompare(b.run_id);

/** The same; none, where the caller may not see them. */
export async function listRuns(client: ListClient, threadId: string): Promise<Run[]> {
  try {
    return await everyRun(client, threadId);
  } catch (error) {
    leaveRefusal(error);
    return [];
  }
}
