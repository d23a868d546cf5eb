/** After a failure it is looked again after so long at first, in milliseconds; then twice as long each time. */
const soon = 2000;

/** How a look is repeated. */
export interface Repetition {
  /** Resolves to when to look again, in milliseconds; to nothing if there is nothing more to see. */
  look: () => Promise<number | undefined>;
  onFailure: (error: unknown) => void;
  /** Called when looks have failed for so long that there is nothing more to be had. */
  onGivenUp: () => void;
  /** After a failure it is never longer until the next look, in milliseconds. */
  longestPause: number;
  /** For so long failures are put up with, in milliseconds. */
  patience: number;
}

/** Something is looked at again and again: one look at a time, and of two that are wanted the one that is due first counts. */
export class RepeatedLook {
  readonly #how: Repetition;
  #timer?: NodeJS.Timeout;
  /** When the next look is due. */
  #due = Number.POSITIVE_INFINITY;
  #looking: Promise<void> = Promise.resolve();
  #failing?: { since: number; times: number };
  #hasEnded = false;

  constructor(how: Repetition) {
    this.#how = how;
  }

  get isFailing(): boolean {
    return this.#failing !== undefined;
  }

  within(milliseconds: number): void {
    const due = Date.now() + milliseconds;
    if (this.#due <= due || this.#hasEnded) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#looking = this.#looking.then(() => this.#once());
    }, milliseconds).unref();
  }

  /** A look under way is taken to its end. */
  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }

  async #once(): Promise<void> {
    this.#due = Number.POSITIVE_INFINITY;
    if (this.#hasEnded) return;
    try {
      const next = await this.#how.look();
      this.#failing = undefined;
      if (next !== undefined) this.within(next);
    } catch (error) {
      this.#how.onFailure(error);
      this.#afterFailure();
    }
  }

  #afterFailure(): void {
    const { since, times } = this.#failing ?? { since: Date.now(), times: 0 };
    this.#failing = { since, times: times + 1 };
    if (this.#hasEnded) return;
    if (Date.now() - since > this.#how.patience) this.#how.onGivenUp();
    else this.within(Math.min(soon * 2 ** times, this.#how.longestPause));
  }
}
