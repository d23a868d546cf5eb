import type { IncomingHttpHeaders } from "node:http";
import { UpstreamAnswer } from "../errors.ts";
import type { ServerKind } from "../server-kind.ts";
import type { Services } from "../services.ts";
import { beforeRun, type NewRun } from "./before-run.ts";
import { isDoubleTexting } from "./double-texting.ts";

/** So many runs that take another's place may come in between before the server is left to cut them. */
const mostBetween = 5;

/**
 * Looks after the thread (`beforeRun`), and then creates the run with `create`.
 *
 * One that takes another's place asks the server to refuse it if yet another
 * run has come in between, through whichever replica: that one is stopped and
 * kept, too. The server would cut it before it had its turn, and what its user
 * said would be lost.
 */
export async function inTurn(
  services: Services,
  caller: IncomingHttpHeaders,
  threadId: string,
  wanted: NewRun,
  onWait: () => void,
  create: (asked: NewRun) => Promise<void>,
): Promise<void> {
  for (let between = 0; ; between++) {
    const asked = await beforeRun(services, caller, threadId, wanted, onWait);
    if (!isDoubleTexting(wanted) || between === mostBetween) return await create(asked);
    try {
      return await create({ ...asked, multitask_strategy: "reject" });
    } catch (error) {
      if (!isBusy(error, await services.server.kind(caller))) throw error;
    }
  }
}

const isBusy = (error: unknown, kind: ServerKind | undefined) =>
  error instanceof UpstreamAnswer && error.status === (kind === "js" ? 422 : 409);
