import { isLater } from "./event-id.ts";
import { type IdentifiedPart, isHead, joins, newestOf, type Snapshot } from "./snapshot.ts";
import { TranscriptFold } from "./transcript-fold.ts";

/**
 * Folds the parts of a run's stream from as far back as the server has them,
 * and goes on where the snapshot ends. A stream that is still there from its
 * start needs none.
 *
 * If the parts begin behind the snapshot, something may be missing in between.
 * That the newest part tells, by the server's own clock: they wait for it.
 */
export class ContinuedFold {
  readonly #snapshot: Snapshot | undefined;
  readonly #window: number;
  #fold?: TranscriptFold;
  #known?: string;
  #waiting: IdentifiedPart[] = [];

  /** The server remembers what it streamed in the last `window` milliseconds. */
  constructor(snapshot: Snapshot | undefined, window: number) {
    this.#snapshot = snapshot;
    this.#window = window;
  }

  add(part: IdentifiedPart): void {
    this.#fold ??= this.#begin(part);
    if (!this.#fold) this.#waiting.push(part);
    else if (isLater(part.id, this.#known)) this.#fold.add(part);
  }

  /** What has been folded by `now`, in milliseconds since 1970; undefined if there was no part. */
  end(now: number): TranscriptFold | undefined {
    if (this.#fold || !this.#snapshot || this.#waiting.length === 0) return this.#fold;
    const fold = TranscriptFold.restore(this.#snapshot.fold);
    // The newer of the two clocks: some servers' are ahead, and the newest part may be old.
    if (!joins(this.#snapshot, Math.max(now, newestOf(this.#waiting) ?? 0), this.#window)) fold.tear();
    for (const part of this.#waiting) fold.add(part);
    return fold;
  }

  /** Undefined as long as it can't be said whether something is missing before this part. */
  #begin(part: IdentifiedPart): TranscriptFold | undefined {
    if (!this.#snapshot || isHead(part)) return new TranscriptFold();
    if (isLater(part.id, this.#snapshot.id)) return undefined;
    this.#known = this.#snapshot.id;
    return TranscriptFold.restore(this.#snapshot.fold);
  }
}
