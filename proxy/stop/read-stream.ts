import type { Client } from "@langchain/langgraph-sdk";
import { timeOf } from "../core/event-id.ts";
import { type IdentifiedPart, reliable } from "../core/snapshot.ts";

/** A stream that has said nothing for so long is taken to pause, in milliseconds. */
const stillness = 1000;
/** Reading what a running run has streamed takes no longer than this, in milliseconds. */
const longest = 10_000;

/** What a run that goes on has streamed since the event of this id, as far as it can be relied on. */
export async function readStream(
  { runs }: { runs: Pick<Client["runs"], "joinStream"> },
  threadId: string,
  runId: string,
  lastEventId: string,
): Promise<IdentifiedPart[]> {
  const connectedAt = Date.now();
  const enough = new AbortController();
  let still = false;
  const timer = setTimeout(() => {
    still = true;
    enough.abort();
  }, stillness);
  const parts: IdentifiedPart[] = [];
  try {
    for await (const part of runs.joinStream(threadId, runId, { lastEventId, signal: enough.signal })) {
      timer.refresh();
      parts.push(part as IdentifiedPart);
      const time = timeOf((part as IdentifiedPart).id ?? "");
      if ((time !== undefined && time >= connectedAt) || Date.now() > connectedAt + longest) break;
    }
    // It has ended by itself: all of it is there.
    still ||= parts.every(({ id }) => (timeOf(id ?? "") ?? 0) < connectedAt);
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    enough.abort();
  }
  return reliable(parts, still);
}
