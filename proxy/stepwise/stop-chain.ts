import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Stop } from "../core/cut.ts";
import { isTerminal } from "../stop/settle.ts";
import type { StopResult } from "../stop/stop-run.ts";
import { raiseFlag } from "./flags.ts";
import { honourStop } from "./honour.ts";
import { readChain } from "./read-chain.ts";
import { whenEnded } from "./when-ended.ts";

/** Who has read the thread's runs just before the flag was raised has been refused a step by then, in milliseconds. */
const held = 150;

/**
 * Stops a run that is driven step by step at the next boundary: the step that
 * runs ends as it would, and no other one begins.
 */
export async function stopChain(client: Client, threadId: string, first: Run, stop: Stop): Promise<StopResult> {
  for (;;) {
    await raiseFlag(client, threadId, first);
    const seen = delay(held);
    await atRest(client, threadId, first.run_id);
    await seen;
    const result = await honourStop(client, threadId, first.run_id, stop);
    if (result.outcome !== "superseded") return result;
    const chain = await readChain(client, threadId, first.run_id);
    if (!chain || chain.overtaken) return result;
  }
}

async function atRest(client: Client, threadId: string, firstId: string): Promise<void> {
  for (;;) {
    const chain = await readChain(client, threadId, firstId);
    if (!chain || isTerminal(chain.last)) return;
    await whenEnded(client, threadId, chain.last.run_id);
  }
}
