import { asProxyError, ProxyError } from "../errors.ts";
import { statusOf } from "../upstream.ts";
import { isRefusal } from "./refusals.ts";
import { RollbackRefused } from "./rollback-refused.ts";

/**
 * The run has ended, or was told to, but not all was written, since the server failed. What it refused the
 * caller stays its own answer, and that the run goes on stays what it is. `heals`: the next message will store it.
 */
export function asNotStored(runId: string, error: unknown, heals: boolean, so = "is stopped"): unknown {
  if (isRefusal(error) || error instanceof RollbackRefused || isStillRunning(error)) return error;
  const status = statusOf(error);
  const reason = status ? `The LangGraph server answered ${status}.` : asProxyError(error).message;
  const until = heals
    ? "will only be stored before the next message on this thread"
    : "is only stored if it is stopped again before the next message on this thread";
  const message = `Run ${runId} ${so}, but what it said ${until}: ${reason}`;
  return new ProxyError(502, "not_stored", message, { cause: error });
}

const isStillRunning = (error: unknown): boolean => error instanceof ProxyError && error.code === "still_running";
