import type { Client } from "@langchain/langgraph-sdk";
import type { Transcript } from "../core/transcript.ts";
import { TranscriptFold } from "../core/transcript-fold.ts";

/** How long the replay of a run that has ended may take, in milliseconds. */
const patience = 20_000;

/**
 * Reads the whole stream of a run that has ended, and folds it.
 *
 * Only a resumable run has one: joining any other would take its events from
 * whoever reads it. Not every server ends a replay (some send heartbeats for
 * ever), so it ends at `end`, or when the time is up.
 */
export async function replay(
  { runs }: { runs: Pick<Client["runs"], "joinStream"> },
  threadId: string,
  runId: string,
): Promise<Transcript> {
  const fold = new TranscriptFold();
  const signal = AbortSignal.timeout(patience);
  try {
    for await (const part of runs.joinStream(threadId, runId, { lastEventId: "-1", signal })) {
      if ((part.event as string) === "end") break;
      fold.add(part);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  const transcript = fold.transcript();
  return signal.aborted ? { ...transcript, whole: false } : transcript;
}
