import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { statusOf } from "../upstream.ts";
import { lowerFlags, raiseFlag, removeFlags } from "./flags.ts";

/** A thread may stay busy for so long after its run has ended, in milliseconds. */
const windDown = 2000;

/**
 * The JS server calls a thread interrupted after any run that might have
 * paused, a moment after the run has ended. A write of nothing brings its
 * values up to date, and a run that is cancelled before it begins its status.
 */
export async function setIdle(client: Client, threadId: string, first: Run): Promise<void> {
  const { threads } = client;
  const deadline = Date.now() + windDown;
  while ((await threads.get(threadId)).status === "busy" && Date.now() < deadline) await delay(10);
  try {
    await threads.updateState(threadId, { values: null as unknown as Record<string, unknown>, asNode: "__end__" });
    const flag = await raiseFlag(client, threadId, first);
    await lowerFlags(client, threadId, [flag]);
    await removeFlags(client, threadId, [flag]);
  } catch (error) {
    // Another run has begun, and the thread is busy with it.
    if (statusOf(error) !== 409) throw error;
  }
}
