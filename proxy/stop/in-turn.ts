import type { IncomingHttpHeaders } from "node:http";
import { UpstreamAnswer } from "../errors.ts";
import type { ServerKind } from "../server-kind.ts";
import type { Services } from "../services.ts";
import { beforeRun, type NewRun } from "./before-run.ts";
import type { Creation } from "./creation.ts";
import { isDoubleTexting } from "./double-texting.ts";

/** So many runs may come in between before the server is left to deal with them. */
const mostBetween = 5;

/**
 * Looks after the thread (`beforeRun`), and then creates the run with `create`.
 *
 * One that takes another's place, or must not come between two steps of one
 * that is driven step by step, asks the server to refuse it if yet another run
 * has come in between, through whichever replica: that one is stopped and
 * kept, or waited for, too. The server would cut it before it had its turn, and
 * what its user said would be lost; or let them both have theirs by turns.
 */
export async function inTurn(
  services: Services,
  caller: IncomingHttpHeaders,
  threadId: string,
  wanted: NewRun,
  creation: Creation,
  create: (asked: NewRun) => Promise<void>,
): Promise<void> {
  for (let between = 0; ; between++) {
    const { run, alone } = await beforeRun(services, caller, threadId, wanted, creation);
    const kind = await services.server.kind(caller);
    const asksAgain = isDoubleTexting(wanted) || (alone && waits(wanted, kind));
    if (!asksAgain || between === mostBetween) return await create(run);
    try {
      return await create({ ...run, multitask_strategy: "reject" });
    } catch (error) {
      if (!isBusy(error, kind)) throw error;
    }
  }
}

/** The server's own strategy is another on each. */
const waits = ({ multitask_strategy: strategy }: NewRun, kind: ServerKind | undefined): boolean =>
  strategy === "enqueue" || (strategy == null && kind !== "js");

const isBusy = (error: unknown, kind: ServerKind | undefined) =>
  error instanceof UpstreamAnswer && error.status === (kind === "js" ? 422 : 409);
