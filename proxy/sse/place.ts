import { compareIds } from "../core/event-id.ts";
import type { Frame } from "./frames.ts";

/**
 * How far a stream has come, so that one that breaks off is taken up again
 * with no frame twice and none left out.
 *
 * A server goes on behind all frames of an id, and some give several frames
 * the same: there may be more of those that came last. So the stream is taken
 * up behind the id before, and as many of the next as have come are passed over.
 */
export class Place {
  /** Of this id, all frames have come. */
  #before: string | undefined;
  #id: string | undefined;
  /** So many frames have come of the latest id. */
  #count = 0;
  /** So many of them are still to come again. */
  #again = 0;

  /** `start`: where the stream was begun, if its first frames can be asked for again. */
  constructor(start: string | undefined) {
    this.#before = start;
  }

  /** The id behind which to go on; undefined where nothing has come. */
  takeUp(): string | undefined {
    if (this.#before === undefined) return this.#id;
    this.#again = this.#count;
    return this.#before;
  }

  /** To be asked of each frame in turn: whether it has not come before. */
  isNew({ id }: Frame): boolean {
    if (id === undefined || this.#isBackwards(id)) return true;
    if (id !== this.#id) {
      this.#before = this.#id ?? this.#before;
      this.#id = id;
      this.#count = 0;
      this.#again = 0;
    }
    const isNew = this.#again === 0;
    if (isNew) this.#count += 1;
    else this.#again -= 1;
    return isNew;
  }

  /** Python's in-memory server repeats some to whoever joins a run that goes on. */
  #isBackwards(id: string): boolean {
    return this.#id !== undefined && (compareIds(id, this.#id) ?? 1) < 0;
  }
}
