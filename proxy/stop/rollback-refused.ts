import { ProxyError } from "../errors.ts";
import type { StopResult } from "./stop-run.ts";

/**
 * 403: the caller may stop the run, but not delete it. So the run was stopped
 * and dealt with as by an interrupt, which is `result`; its checkpoints stay.
 */
export class RollbackRefused extends ProxyError {
  readonly result: StopResult;
  /** What the answer says of the stop, beside what was refused. */
  readonly done: object;

  constructor(result: StopResult, done: object, message: string, options?: ErrorOptions) {
    super(403, "rollback_refused", message, options);
    this.result = result;
    this.done = done;
  }

  /** The server's refusal of `DELETE`, after what was still possible was done. */
  static of(result: StopResult, keep: "partial" | "nothing", refusal: { status: number; cause: unknown }) {
    const { outcome, kept, tool_calls } = result;
    const stopped = keep === "partial" ? "The run was stopped and its text kept" : "The run was stopped";
    const message = `${stopped}, but its turn still stands in the thread: the server refused to delete the run with ${refusal.status}.`;
    return new RollbackRefused(result, { outcome, kept, tool_calls }, message, refusal);
  }

  override toJSON() {
    return { ...super.toJSON(), ...this.done };
  }
}

/** The result of a stop that failed only at the rollback, so that the caller gets as much as there is. */
export function resultOfRefused(error: unknown): StopResult | undefined {
  return error instanceof RollbackRefused ? error.result : undefined;
}
