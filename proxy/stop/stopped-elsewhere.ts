import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { isWhole } from "../core/whole.ts";
import { statusOf } from "../upstream.ts";
import { readState } from "./reconcile.ts";

/** How long another replica may take to reconcile before the reader is let go, in milliseconds. */
const patience = 3000;

/** A rollback that keeps the text writes it back within this time after it has deleted the run, in milliseconds. */
const writesBack = 500;

interface ElsewhereClient {
  runs: Pick<Client["runs"], "get">;
  threads: Pick<Client["threads"], "getState">;
}

/**
 * A stream has ended, and nobody has stopped its run through this replica. If
 * another one did, waits until the thread is reconciled and resolves to its
 * values; to undefined if the run ended by itself, or nobody looks after it.
 */
export async function stoppedElsewhere(
  client: ElsewhereClient,
  threadId: string,
  runId: string,
  messagesKey: string,
): Promise<unknown> {
  const ended = new Date();
  let run = await statusNow(client, threadId, runId);
  if (run && run.status !== "interrupted") return undefined;
  let goneAt = run ? undefined : Date.now();
  for (let pause = 50; Date.now() < ended.getTime() + patience; pause = Math.min(pause * 2, 400)) {
    const state = await readState(client, threadId);
    const writtenTo = { run_id: runId, created_at: run?.created_at ?? ended.toISOString() };
    if (isWhole(state, writtenTo, messagesKey)) return state.values;
    if (goneAt && Date.now() > goneAt + writesBack) return state.values;
    await delay(pause);
    const now = goneAt ? undefined : await statusNow(client, threadId, runId);
    if (!now) goneAt ??= Date.now();
    run = now ?? run;
  }
  return undefined;
}

/** Whether the run was cut so lately that another replica may still be at it, to keep what was said, or to take the turn back. */
export const isPerhapsElsewhere = ({ status, updated_at }: Run): boolean =>
  status === "interrupted" && Date.now() - Date.parse(updated_at) < patience;

/** Undefined once a rollback has deleted the run. */
async function statusNow({ runs }: ElsewhereClient, threadId: string, runId: string): Promise<Run | undefined> {
  try {
    return await runs.get(threadId, runId);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}
