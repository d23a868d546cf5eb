import type { IncomingHttpHeaders } from "node:http";
import { isLater, justBefore, timeOf } from "../core/event-id.ts";
import { type IdentifiedPart, reliable } from "../core/snapshot.ts";
import { firstLookFetch } from "../insist.ts";
import { clientFor, type Upstream } from "../upstream.ts";

/** A stream that has said nothing for so long is taken to pause, in milliseconds. */
const stillness = 1000;
/** Reading what a running run has streamed takes no longer than this once the stream is open, in milliseconds: two heartbeats. */
const longest = 10_000;

/** What a run has streamed so far, as far as it can be relied on. */
export interface Reading {
  parts: IdentifiedPart[];
  /** Nothing is missing that was streamed by then, by the server's clock; undefined if nothing can be said. */
  until?: number;
  /** There was nothing at all, not even what can't be relied on yet. */
  isEmpty: boolean;
  /** The stream came to its end, which was not just being written. */
  ended: boolean;
}

/**
 * Reads what a run that may go on has streamed, from the event of this id on, or from its start, in the caller's name.
 *
 * Only what has come counts. Time is taken from the first byte on, a heartbeat
 * at least: a server that is slow to begin has not been silent. One from which
 * none comes has said nothing at all, and is an error.
 */
export async function readStream(
  caller: IncomingHttpHeaders,
  upstream: Upstream,
  threadId: string,
  runId: string,
  from?: string,
  patience = longest,
): Promise<Reading> {
  const enough = new AbortController();
  let openedAt = 0;
  let silence: NodeJS.Timeout | undefined;
  let limit: NodeJS.Timeout | undefined;
  let isStill = false;
  const fetch = listeningFetch(firstLookFetch(), {
    onOpen(headers) {
      openedAt = timeAt(headers);
      limit = setTimeout(() => enough.abort(), patience);
    },
    onBytes(isHeartbeat) {
      if (silence && isHeartbeat) return;
      clearTimeout(silence);
      silence = setTimeout(() => {
        isStill = true;
        enough.abort();
      }, stillness);
    },
  });
  const { runs } = clientFor(caller, upstream, fetch);
  const lastEventId = from === undefined ? "-1" : justBefore(from);
  const parts: IdentifiedPart[] = [];
  let ended = false;
  try {
    for await (const part of runs.joinStream(threadId, runId, { lastEventId, signal: enough.signal })) {
      parts.push(part as IdentifiedPart);
      if ((timeOf((part as IdentifiedPart).id ?? "") ?? 0) >= openedAt) break;
    }
    ended = !enough.signal.aborted && parts.every(({ id }) => (timeOf(id ?? "") ?? 0) < openedAt);
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  } finally {
    clearTimeout(silence);
    clearTimeout(limit);
    enough.abort();
  }
  const isEmpty = parts.length === 0;
  if (isEmpty && !ended && !isStill) throw new Error(`The stream has said nothing for ${patience / 1000} s.`);
  const { until, parts: sure } = reliable(parts, isStill || ended);
  const isSilent = isStill && !parts.some(({ id }) => isLater(id, from));
  return { parts: sure, until: isSilent ? openedAt : until, isEmpty, ended };
}

/** What time it is by the server's clock. Its `Date` says seconds, and may be one old; ours is finer, where they agree. */
function timeAt(headers: Headers): number {
  const theirs = Date.parse(headers.get("date") ?? "");
  const now = Date.now();
  return Math.abs(theirs - now) > 2500 ? theirs : now;
}

/** What a heartbeat begins with. */
const colon = 0x3a;

interface Listeners {
  onOpen(headers: Headers): void;
  onBytes(isHeartbeat: boolean): void;
}

/** A `fetch` that tells of what the SDK keeps to itself: when its stream opens, and that something has come. */
function listeningFetch(fetch: typeof globalThis.fetch, { onOpen, onBytes }: Listeners): typeof globalThis.fetch {
  return async (...asked) => {
    const answer = await fetch(...asked);
    if (!answer.ok || !answer.body) return answer;
    onOpen(answer.headers);
    const listener = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        onBytes(chunk[0] === colon);
        controller.enqueue(chunk);
      },
    });
    return new Response(answer.body.pipeThrough(listener), answer);
  };
}
