import type { Threads } from "./threads.ts";

type Done = (runId?: string) => void;

/** Creations that come one after the other, each with a look at what the one before has left. */
export class Turns {
  #last = new Map<string, Promise<void>>();

  /** Resolves when all that came before on the thread are over, to what ends this one. */
  async take(threadId: string): Promise<() => void> {
    const before = this.#last.get(threadId);
    let end!: () => void;
    const mine = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#last.set(threadId, mine);
    void mine.then(() => this.#last.get(threadId) === mine && this.#last.delete(threadId));
    await before;
    return end;
  }
}

/** A run that is about to be created, as stops of its thread see it: they wait for its id. */
export class Creation {
  readonly #threads: Pick<Threads, "creating">;
  readonly #threadId: string;
  readonly #caller: string;
  #turns?: Turns;
  #done: Done = () => undefined;
  #endTurn: () => void = () => undefined;

  private constructor(threads: Pick<Threads, "creating">, threadId: string, caller: string) {
    this.#threads = threads;
    this.#threadId = threadId;
    this.#caller = caller;
  }

  /** Resolves when no stop is under way. */
  static async begin(threads: Pick<Threads, "creating">, threadId: string, caller: string): Promise<Creation> {
    const creation = new Creation(threads, threadId, caller);
    await creation.#begin();
    return creation;
  }

  /** The id is known, or none will come of it. */
  done(runId?: string): void {
    this.#done(runId);
    this.#endTurn();
  }

  /** From now on it comes after the others that have said so, until it is done. */
  async takeTurn(turns: Turns): Promise<void> {
    if (this.#turns) return;
    this.#turns = turns;
    this.done();
    await this.#begin();
  }

  /** It has to wait first, perhaps for a stop: neither a stop nor another creation waits for it meanwhile. */
  async letGoDuring<T>(wait: Promise<T>): Promise<T> {
    this.done();
    try {
      return await wait;
    } finally {
      await this.#begin();
    }
  }

  async #begin(): Promise<void> {
    if (this.#turns) this.#endTurn = await this.#turns.take(this.#threadId);
    this.#done = await this.#threads.creating(this.#threadId, this.#caller);
  }
}
