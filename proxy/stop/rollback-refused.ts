import { asProxyError, ProxyError } from "../errors.ts";
import type { StopResult } from "./stop-run.ts";

const saidOf = {
  conversation:
    "The run was stopped and its turn written back as plain conversation, but its steps still stand in the thread's history",
  partial: "The run was stopped and its text kept, but its turn still stands in the thread",
  nothing: "The run was stopped, but its turn still stands in the thread",
};

/** Why the run still is there. */
interface Refusal {
  /** The server's own, if it gave one. */
  status?: number;
  cause: unknown;
}

/**
 * The run could be stopped, but not deleted: 403 `rollback_refused` if the
 * caller may not, 502 `rollback_failed` if the server couldn't. `result` is
 * what was done all the same: the turn written back as plain conversation, or
 * else the run dealt with as by an interrupt. Its checkpoints stay.
 */
export class RollbackRefused extends ProxyError {
  readonly result: StopResult;
  /** What the answer says of the stop, beside what was refused. */
  readonly done: object;
  readonly #refusal: Refusal;

  constructor(result: StopResult, done: object, message: string, refusal: Refusal) {
    super(refusal.status ? 403 : 502, refusal.status ? "rollback_refused" : "rollback_failed", message, refusal);
    this.result = result;
    this.done = done;
    this.#refusal = refusal;
  }

  /** The server's refusal of `DELETE`, after what was still possible was done. */
  static of(result: StopResult, kept: keyof typeof saidOf, refusal: Refusal) {
    const { outcome, tool_calls } = result;
    const why = refusal.status
      ? `the server refused to delete the run with ${refusal.status}.`
      : asProxyError(refusal.cause).message;
    const message = `${saidOf[kept]}: ${why}`;
    return new RollbackRefused(result, { outcome, kept: result.kept, tool_calls }, message, refusal);
  }

  /** The same, with more to say of what was done. */
  saying(done: object): RollbackRefused {
    return new RollbackRefused(this.result, done, this.message, this.#refusal);
  }

  override toJSON() {
    return { ...super.toJSON(), ...this.done };
  }
}

/** The result of a stop that failed only at the rollback, so that the caller gets as much as there is. */
export function resultOfRefused(error: unknown): StopResult | undefined {
  return error instanceof RollbackRefused ? error.result : undefined;
}
