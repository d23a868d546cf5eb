import type { Context } from "koa";
import type { Services } from "../services.ts";

type Needed = Pick<Services, "hangUps" | "readers" | "threads">;

/**
 * A caller who reads a run, or waits for its end: here from when the run's id
 * is known until its end, unless they leave before. Whoever leaves before the
 * id is known has left as soon as it is, so a creation is not to be let go for it.
 */
export class Reading {
  readonly #services: Needed;
  readonly #ctx: Context;
  readonly #threadId: string;
  readonly #onDisconnect: unknown;
  readonly #gone = new AbortController();
  #runId: string | undefined;
  #leave?: (runEnded: boolean) => void;
  #close?: () => void;

  /** `onDisconnect` is what the caller said leaving means; `runId` is given for a run that is joined. */
  constructor(services: Needed, ctx: Context, threadId: string, onDisconnect: unknown, runId?: string) {
    this.#services = services;
    this.#ctx = ctx;
    this.#threadId = threadId;
    this.#onDisconnect = onDisconnect;
    this.#runId = runId;
    ctx.res.once("close", this.#left);
  }

  /** Aborted when the caller has left, and the run's id is known. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** The caller reads the run from now on. */
  begin(runId: string): void {
    this.#runId = runId;
    this.#leave = this.#services.readers.join(runId);
    this.#close = this.#services.threads.reading(this.#threadId);
    if (this.#ctx.res.destroyed) this.#left();
  }

  /** There is nothing more to read. */
  end(): void {
    this.#ctx.res.off("close", this.#left);
    if (!this.#gone.signal.aborted) this.#leave?.(true);
    this.#close?.();
  }

  // At once, not when all that was under way has come to its end: the replica may be about to close.
  readonly #left = () => {
    if (!this.#runId || this.#gone.signal.aborted) return;
    this.#gone.abort();
    this.#leave?.(false);
    this.#services.hangUps.left(this.#ctx.headers, this.#threadId, this.#runId, this.#onDisconnect);
  };
}
