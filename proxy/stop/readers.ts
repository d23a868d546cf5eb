/** So many runs are remembered at most; one that is forgotten is taken for a run that nobody has left. */
const mostRuns = 10_000;

/** Who is reading which run through this replica; nothing here has to last. */
export class Readers {
  #readers = new Map<string, { count: number }>();

  /** A reader has come; returns what tells that it has gone, and whether the run had ended then. */
  join(runId: string): (runEnded: boolean) => void {
    const entry = this.#readers.get(runId) ?? { count: 0 };
    entry.count += 1;
    this.#readers.set(runId, entry);
    const [oldest] = this.#readers.keys();
    if (this.#readers.size > mostRuns && oldest) this.#readers.delete(oldest);
    return (runEnded) => {
      entry.count -= 1;
      if (runEnded) this.#readers.delete(runId);
    };
  }

  /** Whether the run had readers here, and each of them has hung up before its end. */
  haveLeft(runId: string): boolean {
    return this.#readers.get(runId)?.count === 0;
  }

  /** The run is over, or its thread's next one begins: who left it no longer matters. */
  forget(runId: string): void {
    this.#readers.delete(runId);
  }
}
