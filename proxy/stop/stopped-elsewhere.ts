import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { isWhole } from "../core/whole.ts";
import { statusOf } from "../upstream.ts";
import { readState } from "./reconcile.ts";

/** How long another replica may take to reconcile before the reader is let go, in milliseconds. */
const patience = 3000;

/** A run that was cut so long ago another replica may still be at, in milliseconds. */
const lately = 2000;

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
  until = Date.now() + patience,
): Promise<unknown> {
  const ended = new Date();
  let run = await statusNow(client, threadId, runId);
  if (run && run.status !== "interrupted") return undefined;
  let goneAt = run ? undefined : Date.now();
  for (let pause = 50; Date.now() < until; pause = Math.min(pause * 2, 400)) {
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

/**
 * The run was perhaps cut just now through another replica, which may have
 * more to do: to keep what was said, or to take the turn back. Waits for that.
 */
export async function leftToOthers(client: ElsewhereClient, threadId: string, run: Run, key: string): Promise<void> {
  const until = Math.min(Date.parse(run.updated_at), Date.now()) + lately;
  if (run.status === "interrupted" && Date.now() < until)
    await stoppedElsewhere(client, threadId, run.run_id, key, until);
}

/** Undefined once a rollback has deleted the run. */
async function statusNow({ runs }: ElsewhereClient, threadId: string, runId: string): Promise<Run | undefined> {
  try {
    return await runs.get(threadId, runId);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}
