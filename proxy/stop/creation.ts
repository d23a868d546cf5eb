import type { Threads } from "./threads.ts";

type Done = (runId?: string) => void;

/** A run that is about to be created, as stops of its thread see it: they wait for its id. */
export class Creation {
  readonly #begin: () => Promise<Done>;
  #done: Done;

  private constructor(begin: () => Promise<Done>, done: Done) {
    this.#begin = begin;
    this.#done = done;
  }

  /** Resolves when no stop is under way. */
  static async begin(threads: Pick<Threads, "creating">, threadId: string, caller: string): Promise<Creation> {
    const begin = () => threads.creating(threadId, caller);
    return new Creation(begin, await begin());
  }

  /** The id is known, or none will come of it. */
  done(runId?: string): void {
    this.#done(runId);
  }

  /** It has to wait for its turn first, perhaps for a stop: no stop waits for it meanwhile. */
  async letGoDuring<T>(wait: Promise<T>): Promise<T> {
    this.#done();
    try {
      return await wait;
    } finally {
      this.#done = await this.#begin();
    }
  }
}
