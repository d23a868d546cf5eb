import { compareIds, timeOf } from "./event-id.ts";
import type { StreamPart } from "./transcript.ts";
import { type SavedFold, TranscriptFold } from "./transcript-fold.ts";

/** How far the stream of a run has been folded, put away before the server forgets it. */
export interface Snapshot {
  /** The id of the last event in it. */
  id: string;
  /** When the stream was looked at, in milliseconds since 1970: what was streamed by then is in the snapshot, or came just before. */
  takenAt: number;
  fold: SavedFold;
}

/** A part of a stream with its event's id. */
export interface IdentifiedPart extends StreamPart {
  id?: string;
}

/** The newest second of a stream may not be all there yet, in milliseconds. */
const newest = 1000;

/**
 * The parts of a stream that goes on which can be relied on: up to the newest
 * second, and to the first id that runs backwards, where some servers repeat
 * themselves. All of them if the stream has been `still` for a second.
 */
export function reliable(parts: IdentifiedPart[], still: boolean): IdentifiedPart[] {
  const backwards = parts.findIndex(({ id }, at) => {
    const before = parts[at - 1]?.id;
    return id !== undefined && before !== undefined && (compareIds(id, before) ?? 0) < 0;
  });
  const forwards = backwards === -1 ? parts : parts.slice(0, backwards);
  const last = timeOf(forwards.at(-1)?.id ?? "");
  if (still || last === undefined) return forwards;
  return forwards.filter(({ id }) => (timeOf(id ?? "") ?? 0) <= last - newest);
}

/**
 * Goes on folding where the snapshot ends, with parts of the same stream from
 * as far back as the server has them. `joins`: nothing can have been forgotten
 * in between; else it is torn, unless the parts reach back far enough.
 */
export function foldOn(snapshot: Snapshot | undefined, joins: boolean): (part: IdentifiedPart) => TranscriptFold {
  let fold: TranscriptFold | undefined;
  const begin = ({ event, id }: IdentifiedPart): TranscriptFold => {
    // A stream that is still there from its start needs no snapshot.
    if (!snapshot || event === "metadata") return new TranscriptFold();
    const restored = TranscriptFold.restore(snapshot.fold);
    if (!joins && (compareIds(id ?? "", snapshot.id) ?? 1) > 0) restored.tear();
    return restored;
  };
  let known = snapshot?.id;
  return (part) => {
    if (!fold && part.event === "metadata") known = undefined;
    fold ??= begin(part);
    if (!known || !part.id || (compareIds(part.id, known) ?? 1) > 0) fold.add(part);
    return fold;
  };
}
