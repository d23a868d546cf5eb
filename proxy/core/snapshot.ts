import { compareIds, timeOf } from "./event-id.ts";
import { isObject } from "./message.ts";
import type { StreamPart } from "./transcript.ts";
import type { SavedFold } from "./transcript-fold.ts";

/** How far the stream of a run has been folded, put away before the server forgets it. */
export interface Snapshot {
  /** The id of the last event in it. */
  id: string;
  /** By the server's clock, in milliseconds since 1970: whatever was streamed by then is in it. */
  until: number;
  fold: SavedFold;
}

/** A run that has ended streams nothing more. */
export const allOfIt = Number.MAX_SAFE_INTEGER;

/** A part of a stream with its event's id. */
export interface IdentifiedPart extends StreamPart {
  id?: string;
}

/** The newest second of a stream may not be all there yet, in milliseconds. */
const newest = 1000;
/** What is about to be forgotten counts as forgotten, in milliseconds. */
const slack = 1000;

/**
 * The parts of a stream that goes on which can be relied on: up to the newest
 * second, and to the first id that runs backwards, where some servers repeat
 * themselves. All of them if the stream has been `still` for a second. `until`:
 * nothing is missing that was streamed by then, by the server's clock.
 */
export function reliable(parts: IdentifiedPart[], still: boolean): { parts: IdentifiedPart[]; until?: number } {
  const backwards = parts.findIndex(({ id }, at) => {
    const before = parts[at - 1]?.id;
    return id !== undefined && before !== undefined && (compareIds(id, before) ?? 0) < 0;
  });
  const forwards = backwards === -1 ? parts : parts.slice(0, backwards);
  const last = newestOf(forwards);
  if (still || last === undefined) return { parts: forwards, until: last };
  const until = last - newest;
  return { parts: forwards.filter(({ id }) => (timeOf(id ?? "") ?? 0) <= until), until };
}

/** When the last of these parts was made, by the server's clock. */
export const newestOf = (parts: IdentifiedPart[]): number | undefined =>
  timeOf(parts.findLast(({ id }) => id !== undefined)?.id ?? "");

/** Whether nothing that was streamed after the snapshot can have been forgotten by a server that remembers so many milliseconds. */
export const joins = ({ until }: Snapshot, now: number, window: number): boolean => until >= now - window + slack;

/** Whether a server that remembers so many milliseconds must still have the last event of the snapshot. */
export const isRemembered = ({ id }: Snapshot, now: number, window: number): boolean =>
  (timeOf(id) ?? 0) > now - window + slack;

/** Whether a run begins with this part. A server that tries it again says so in the middle of its stream, with the next `attempt`. */
export const isHead = ({ event, data }: StreamPart): boolean =>
  event === "metadata" && !(isObject(data) && Number(data.attempt) > 1);
