import { asProxyError, ProxyError } from "../errors.ts";
import { statusOf } from "../upstream.ts";
import { RollbackRefused } from "./rollback-refused.ts";

/**
 * The run has ended, or was told to, but the server failed before all was written. What it refused the
 * caller stays its own answer, and that the run goes on stays what it is. `heals`: the next message will store it.
 */
export function asNotStored(runId: string, error: unknown, heals: boolean, so = "is stopped"): unknown {
  if (error instanceof RollbackRefused) return error;
  const status = statusOf(error) ?? (error instanceof ProxyError ? error.status : 502);
  if ((status < 500 && status !== 409) || status === 504) return error;
  const { message: reason } = asProxyError(error);
  const until = heals
    ? "will only be stored before the next message on this thread"
    : "is only stored if it is stopped again before the next message on this thread";
  const message = `Run ${runId} ${so}, but what it said ${until}: ${reason}`;
  return new ProxyError(502, "not_stored", message, { cause: error });
}
