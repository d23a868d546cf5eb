import type { Checkpoint, Client, Run } from "@langchain/langgraph-sdk";
import type { State, Stop } from "../core/cut.ts";
import { cutWithin } from "../core/cut-within.ts";
import { isLeftOpen, memoriesIn, unseenMemories } from "../core/memory.ts";
import { nextWrite } from "../core/plan.ts";
import type { Transcript } from "../core/transcript.ts";
import { type ReconcileClient, reconcile } from "./reconcile.ts";

/** Settles each memory that the run was in. It goes before the thread itself: as long as that is not whole, somebody looks again. */
export async function keepMemories(
  client: Client,
  threadId: string,
  stop: Stop,
  run: Run,
  state: State,
  transcript: Transcript,
): Promise<void> {
  for (const memory of memoriesIn(state, run.run_id)) {
    const cut = cutWithin(memory, stop, run, transcript);
    const plan = (now: State) => nextWrite(now, cut);
    await reconcile(inNamespace(client, memory.namespace), threadId, run.run_id, plan, memory.state);
  }
}

/** Whether the run has left a memory open that no write of state can reach: it goes only with the run. */
export async function hasOpenMemory(
  { threads }: Client,
  threadId: string,
  { run_id }: Run,
  state: State,
  messagesKey: string | undefined,
): Promise<boolean> {
  for (const first of unseenMemories(state)) {
    // A task that calls several has them counted.
    for (let count = 0, namespace = first; ; namespace = `${first}|${++count}`) {
      const [head] = await threads.getHistory(threadId, { limit: 1, checkpoint: { checkpoint_ns: namespace } });
      if (!head || head.checkpoint.checkpoint_ns !== namespace) break;
      if (isLeftOpen(head as State, namespace, run_id, messagesKey)) return true;
    }
  }
  return false;
}

/** The same thread's state in a namespace of it. */
function inNamespace({ threads, runs }: Client, namespace: string): ReconcileClient {
  // Its head: no id, which the JS server takes for one even if it is `null`.
  const checkpoint = { checkpoint_ns: namespace } as Checkpoint;
  const getState = (threadId: string) => threads.getState(threadId, checkpoint);
  return {
    runs,
    threads: {
      // With `subgraphs` the JS server refuses it; what was cut deeper within was known before.
      getState: getState as ReconcileClient["threads"]["getState"],
      updateState: (threadId, options) => threads.updateState(threadId, { ...options, checkpoint }),
    },
  };
}
