import type { Client, Run } from "@langchain/langgraph-sdk";
import { type Chain, chainOf, latestChain } from "./chain.ts";

const fields = [
  "run_id",
  "thread_id",
  "assistant_id",
  "status",
  "created_at",
  "updated_at",
  "metadata",
  "kwargs",
] as const;

type ListClient = { runs: Pick<Client["runs"], "list"> };

/** The thread's runs with what they carry. */
export async function allRuns({ runs }: ListClient, threadId: string): Promise<Run[]> {
  return await runs.list(threadId, { limit: 1000, select: [...fields] as never });
}

/** The chain that this run began, or undefined if it began none. */
export async function readChain(client: ListClient, threadId: string, firstId: string): Promise<Chain | undefined> {
  return chainOf(await allRuns(client, threadId), firstId);
}

/** The chain that has the thread now, if any. */
export async function chainOn(client: ListClient, threadId: string): Promise<Chain | undefined> {
  return latestChain(await allRuns(client, threadId));
}
