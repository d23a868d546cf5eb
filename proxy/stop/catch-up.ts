import type { Client, Run } from "@langchain/langgraph-sdk";
import { type CheckpointFields, fromCheckpoint, namedCheckpoint, namesSubgraph } from "../core/named-checkpoint.ts";
import { type Ancestor, type CutTurns, standingOf } from "../core/stale-checkpoint.ts";
import { isCut } from "./is-cut.ts";
import type { Remembered } from "./stops.ts";

type CatchUpClient = { threads: Pick<Client["threads"], "getHistory" | "getState"> };

/** So much of a thread's history is read first, and then, if a turn had more steps. */
const lengths = [20, 1000];

/**
 * Whether the run names a checkpoint from before, or within, a turn that was
 * stopped since, only because its client hasn't heard of it: some hang up or
 * cancel, read nothing, and send the next message from where they stood.
 *
 * Who has read the thread since a stop is known to the replica that made the
 * stop and passed on the read, and lives in its memory. Asked of another
 * replica, or after a restart, the thread's history decides (`standingOf`):
 * only the checkpoint before the turn counts as stale then. A rollback made
 * elsewhere leaves no run to tell of it: such a fork is taken for meant.
 */
export async function isStale(
  { threads }: CatchUpClient,
  threadId: string,
  run: CheckpointFields,
  turns: CutTurns | undefined,
): Promise<boolean> {
  const named = namedCheckpoint(run);
  if (!named || !turns || namesSubgraph(run)) return false;
  for (const limit of lengths) {
    const history: Ancestor[] = await threads.getHistory(threadId, { limit });
    const standing = standingOf(named, history, turns);
    if (standing === "unknown" && history.length === limit) continue;
    if (standing === "stale" || standing === "meant") return standing === "stale";
    break;
  }
  // A rollback deletes the checkpoints of its run: who names one would begin an empty thread.
  return turns.unread && (await threads.getState(threadId, named)).created_at == null;
}

/** The turns that were cut last: those that nobody has read since this replica stopped them, and those that others have cut. */
export function cutTurns(last: Remembered | undefined, runs: Run[]): CutTurns | undefined {
  const unread = last?.unread ?? [];
  const isLater = (run: Run) => !last || Date.parse(run.created_at) > Date.parse(last.run.created_at);
  const end = runs.findLastIndex((run) => !isCut(run) || !isLater(run));
  const elsewhere = runs.slice(end + 1);
  const [first, ...others] = [...unread, ...elsewhere];
  if (!first) return undefined;
  const runIds = [first, ...others].map(({ run_id }) => run_id);
  return { runIds, since: first.created_at, unread: elsewhere.length === 0 };
}

/**
 * The same run from the thread's head. It is named, not left out: the JS
 * server remembers what an earlier run named. A thread that waits for a human
 * is left to the run that asked for it.
 */
export async function fromHead<T extends CheckpointFields>(
  { threads }: CatchUpClient,
  threadId: string,
  run: T,
): Promise<T> {
  const head = await threads.getState(threadId);
  return head.next.length > 0 ? run : fromCheckpoint(run, head.checkpoint);
}
