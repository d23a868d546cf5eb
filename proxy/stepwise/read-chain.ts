import type { Client, Run } from "@langchain/langgraph-sdk";
import { everyRun } from "../stop/list-runs.ts";
import { type Chain, chainOf } from "./chain.ts";

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
export async function allRuns(client: ListClient, threadId: string): Promise<Run[]> {
  return await everyRun(client, threadId, fields);
}

/** The chain that this run began, or undefined if it began none. */
export async function readChain(client: ListClient, threadId: string, firstId: string): Promise<Chain | undefined> {
  return chainOf(await allRuns(client, threadId), firstId);
}
