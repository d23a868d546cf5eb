import type { Client, Run } from "@langchain/langgraph-sdk";
import { leaveRefusal } from "./refusals.ts";

const fields = ["run_id", "status", "created_at", "updated_at", "metadata"] as const;

/** The thread's runs, oldest first; servers list them in different orders. None, where the caller may not see them. */
export async function listRuns(client: Client, threadId: string): Promise<Run[]> {
  try {
    const runs = await client.runs.list(threadId, { limit: 1000, select: [...fields] });
    return runs.sort((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at) || a.run_id.localeCompare(b.run_id));
  } catch (error) {
    leaveRefusal(error);
    return [];
  }
}
