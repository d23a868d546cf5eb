import type { IncomingHttpHeaders } from "node:http";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { ContinuedFold } from "../core/continued-fold.ts";
import { isLater } from "../core/event-id.ts";
import { allOfIt, isRemembered, joins, type Snapshot } from "../core/snapshot.ts";
import { storedIn } from "../core/stored.ts";
import { TranscriptFold } from "../core/transcript-fold.ts";
import type { Services } from "../services.ts";
import { snapshotKey } from "../sse/modes.ts";
import { readStream } from "./read-stream.ts";
import { isTerminal } from "./settle.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

type Needed = Pick<Services, "settings" | "upstream" | "log">;

/**
 * Folds on what the run has streamed since this replica's own snapshot of it;
 * where there is none, or something may be missing since, where that of
 * another replica ends. `isAll`: the run has ended, and nothing more will come.
 */
export async function takeSnapshot(
  client: Client,
  { settings, upstream, log }: Needed,
  store: Pick<SnapshotStore, "get">,
  run: Run,
  caller: IncomingHttpHeaders,
  own: Snapshot | undefined,
): Promise<{ latest?: Snapshot; isAll: boolean }> {
  const { thread_id: threadId, run_id: runId } = run;
  const { replayWindow: window } = settings;
  const { parts, until = 0, isEmpty, ended } = await readStream(caller, upstream, threadId, runId, own?.id);
  const isAll = ended && isTerminal(run);
  const goOn = (snapshot: Snapshot | undefined) => {
    const fold = new ContinuedFold(snapshot, window);
    for (const part of parts) fold.add(part);
    return fold.end(Date.now()) ?? (snapshot && TranscriptFold.restore(snapshot.fold));
  };
  let [before, fold] = [own, goOn(own)];
  if (!fold?.isWhole) {
    const stored = await store.get(client, runId, snapshotKey(run));
    if (stored && stored.until > (own?.until ?? 0)) [before, fold] = [stored, goOn(stored)];
  }
  if (before && isEmpty && isRemembered(before, Date.now(), window)) throw new Error("The stream lacks what it had.");
  const id = parts.findLast((part) => part.id !== undefined && isLater(part.id, before?.id))?.id ?? before?.id;
  if (!fold || id === undefined) return { isAll };
  // That nothing new is there says nothing of what may have been forgotten before.
  const isBehind = isEmpty && before && !joins(before, Date.now(), window);
  const covered = isBehind ? 0 : isAll ? allOfIt : until;
  const stored = await storedOn(client, threadId, log);
  return { isAll, latest: { id, until: Math.max(covered, before?.until ?? 0), fold: fold.save(stored) } };
}

/** What the thread has by now need not be kept; where it can't be read, all is. */
async function storedOn({ threads }: Client, threadId: string, log: Needed["log"]): Promise<Set<string>> {
  try {
    return storedIn((await threads.getState(threadId)).values);
  } catch (error) {
    log.warn({ err: error, thread_id: threadId }, "a snapshot holds what the thread may have, too");
    return new Set();
  }
}
