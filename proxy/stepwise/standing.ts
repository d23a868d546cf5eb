import type { Client } from "@langchain/langgraph-sdk";
import type { State } from "../core/cut.ts";
import { stateAt } from "../stop/reconcile.ts";
import { type Chain, type Standing, standingOf } from "./chain.ts";
import { breakpointsOf, templateOf } from "./step-body.ts";

/** Where the chain stands in this state; the one before is read only if the run is to pause after certain nodes. */
export async function standingIn(
  { threads }: { threads: Pick<Client["threads"], "getState"> },
  threadId: string,
  chain: Chain,
  state: State,
): Promise<Standing> {
  const breakpoints = breakpointsOf(templateOf(chain.first));
  const parent = breakpoints.after.length > 0 ? state.parent_checkpoint?.checkpoint_id : undefined;
  const ran = parent ? (await stateAt({ threads }, threadId, parent)).next : [];
  return standingOf(chain, state, breakpoints, ran);
}
