import type { Client, Run } from "@langchain/langgraph-sdk";
import type { State } from "../core/cut.ts";
import { stateAt } from "../stop/reconcile.ts";
import { type Chain, isLeftBy, type Standing } from "./chain.ts";
import type { DriveServices, Ending } from "./drive-services.ts";
import { clearFlags } from "./flags.ts";

/**
 * Sees to what is left of a run that goes on no further: how the server calls
 * its thread, if it `mayTidy`, and the `flags` of stops that came too late.
 * Resolves to how it has ended; undefined if whoever drives it may still be at
 * it.
 */
export async function finish(
  { client, isTidy, tidy, settled }: Pick<DriveServices, "client" | "isTidy" | "tidy" | "settled">,
  threadId: string,
  chain: Chain,
  { standing, state, flags, mayTidy }: { standing: Standing; state: State; flags: Run[]; mayTidy: () => boolean },
): Promise<Ending | undefined> {
  const isCancelled = wasCancelled(chain);
  if (isCancelled) await settled(chain.last);
  else if (isDone(chain, state) && !(await isTidy())) {
    if (!mayTidy()) return undefined;
    await tidy(chain.first);
  }
  await clearFlags(client, threadId, flags);
  if (standing === "paused") return "paused";
  return isCancelled || (await wasLetGo(client, threadId, chain.last, state)) ? "stopped" : "over";
}

/** In the server's queue, or behind the proxy's back. */
export const wasCancelled = ({ last }: Pick<Chain, "last">): boolean => last.status === "interrupted";

/** It has come to its end, and nobody has written since. */
const isDone = ({ last, overtaken }: Chain, state: State): boolean =>
  last.status === "success" && !overtaken && state.next.length === 0 && isLeftBy(last, state);

/** Whether somebody has written to the thread while something was still to come: a stop was honoured, perhaps by another replica. */
async function wasLetGo(client: Client, threadId: string, last: Run, state: State): Promise<boolean> {
  const before = state.parent_checkpoint?.checkpoint_id;
  if (last.status !== "success" || isLeftBy(last, state) || !before) return false;
  return (await stateAt(client, threadId, before)).next.length > 0;
}
