import type { ServerResponse } from "node:http";
import { remember } from "./remember.ts";

/** So many runs, and threads, are remembered at most; a run that is forgotten is taken for one that nobody has left. */
const most = 10_000;

/** Who reads what through this replica: runs as they stream, and threads. Nothing here has to last. */
export class Readers {
  #readers = new Map<string, { count: number }>();
  /** When a thread was last read, in milliseconds since 1970. */
  #readAt = new Map<string, number>();

  /** A reader has come; returns what tells that it has gone, and whether the run had ended then. */
  join(runId: string): (runEnded: boolean) => void {
    const entry = this.#readers.get(runId) ?? { count: 0 };
    entry.count += 1;
    remember(this.#readers, runId, entry, most);
    return (runEnded) => {
      entry.count -= 1;
      if (runEnded) this.#readers.delete(runId);
    };
  }

  /** A Stop has found the run ended: whoever sent it had stopped reading before. */
  stoppedTooLate(runId: string): void {
    if (!this.#readers.has(runId)) remember(this.#readers, runId, { count: 0 }, most);
  }

  /** Whether the run had readers here, and each of them has hung up before its end. */
  haveLeft(runId: string): boolean {
    return this.#readers.get(runId)?.count === 0;
  }

  /** Whether the run has, or had, readers here. */
  areKnown(runId: string): boolean {
    return this.#readers.has(runId);
  }

  /** The run is over, or its thread's next one begins: who left it no longer matters. */
  forget(runId: string): void {
    this.#readers.delete(runId);
  }

  /** Somebody reads the thread as it is now. It counts if they are let, and get the answer. */
  read(threadId: string, answer: ServerResponse): void {
    const at = Date.now();
    answer.once("finish", () => {
      if (answer.statusCode === 200) remember(this.#readAt, threadId, at, most);
    });
  }

  /** Whether somebody has read the thread at this time, in milliseconds since 1970, or later. */
  haveReadSince(threadId: string, time: number): boolean {
    return (this.#readAt.get(threadId) ?? Number.NEGATIVE_INFINITY) >= time;
  }
}
