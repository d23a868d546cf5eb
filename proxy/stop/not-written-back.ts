import type { Run } from "@langchain/langgraph-sdk";
import type { Cut, State } from "../core/cut.ts";
import { asProxyError, ProxyError } from "../errors.ts";
import { statusOf } from "../upstream.ts";

/** A run that was deleted, and all that is left of it. */
export interface Undone {
  run: Run;
  /** The thread's state as the run had left it. */
  state: State;
  cut: Cut;
}

/**
 * 502 `not_stored`: a rollback has deleted the run, but the server failed
 * before the turn was written back. Only this replica knows it now.
 */
export class NotWrittenBack extends ProxyError {
  readonly undone: Undone;

  constructor(undone: Undone, reason: string, options: ErrorOptions) {
    const until = "what it said will only be stored before the next message on this thread";
    super(502, "not_stored", `Run ${undone.cut.runId} is undone, but ${until}: ${reason}`, options);
    this.undone = undone;
  }

  /** Undefined if the server refused the caller. */
  static of(undone: Undone, cause: unknown): NotWrittenBack | undefined {
    return statusOf(cause) === undefined
      ? new NotWrittenBack(undone, asProxyError(cause).message, { cause })
      : undefined;
  }
}
