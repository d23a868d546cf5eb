import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Stop } from "../core/cut.ts";
import { ProxyError } from "../errors.ts";
import type { Services } from "../services.ts";
import { isAbandoned } from "../stop/is-abandoned.ts";
import { isTerminal } from "../stop/settle.ts";
import type { StopResult, StopRunServices } from "../stop/stop-run.ts";
import { raiseFlag } from "./flags.ts";
import { honourStop } from "./honour.ts";
import { readChain } from "./read-chain.ts";
import { whenEnded } from "./when-ended.ts";

/**
 * A flag is up for so long at least, in milliseconds: who has looked for one
 * just before it was raised has asked for the next step by then, and been refused.
 */
const held = 300;

type Needed = StopRunServices & Pick<Services, "threads">;

/**
 * Stops a run that is driven step by step at the next boundary: the step that
 * runs ends as it would, and no other one begins. Reads of the thread are held
 * only while something is written. Throws `ProxyError` 503 `closing` if this
 * replica is closed first.
 */
export async function stopChain(
  client: Client,
  services: Needed,
  threadId: string,
  first: Run,
  stop: Stop,
  closing: AbortSignal,
): Promise<StopResult> {
  for (;;) {
    await raiseFlag(client, threadId, first, stop);
    const seen = delay(held);
    const last = await lastAtRest(client, services, threadId, first.run_id, closing);
    await seen;
    const honour = () => honourStop(client, services, threadId, first.run_id, stop, last);
    const result = await services.threads.stopping(threadId, honour);
    if (!result) continue;
    if (result.outcome !== "superseded") return result;
    const chain = await readChain(client, threadId, first.run_id);
    if (!chain || chain.overtaken) return result;
  }
}

/** The step that the run rests behind, or that nobody carries out any more; undefined if the run is gone. */
async function lastAtRest(
  client: Client,
  services: Needed,
  threadId: string,
  firstId: string,
  closing: AbortSignal,
): Promise<Run | undefined> {
  try {
    for (;;) {
      const last = (await readChain(client, threadId, firstId))?.last;
      if (!last || isTerminal(last)) return last;
      const ended = await whenEnded(client, threadId, last.run_id, {
        signal: closing,
        isAbandoned: (run) => isAbandoned(client, services, threadId, run),
      });
      if (!isTerminal(ended)) return ended;
    }
  } catch (error) {
    if (!closing.aborted) throw error;
    const message = `Run ${firstId} stops when its step has ended: this replica is closed before. Ask again.`;
    throw new ProxyError(503, "closing", message);
  }
}
