import type { Client, Run } from "@langchain/langgraph-sdk";
import { type CheckpointFields, fromCheckpoint, namedCheckpoint, namesSubgraph } from "../core/named-checkpoint.ts";
import { type Ancestor, standingOf, type UnheardTurns } from "../core/stale-checkpoint.ts";
import type { Services } from "../services.ts";
import { isCut } from "./is-cut.ts";

type CatchUpClient = { threads: Pick<Client["threads"], "getHistory" | "getState"> };

/** So much of a thread's history is read first, and then, if a turn had more steps. */
const lengths = [20, 1000];

/**
 * Whether the run names a checkpoint from before, or within, a turn that was
 * stopped or left since, only because its client hasn't heard of its end: some
 * hang up or cancel, read nothing, and send the next message from where they stood.
 *
 * Who has left the turn, and who has read the thread since, is known to the
 * replica through which they did, and lives in its memory. Asked of another
 * replica, or after a restart, the thread's history decides (`standingOf`):
 * only the checkpoint before the turn counts as stale then. A rollback made
 * elsewhere leaves no run to tell of it: such a fork is taken for meant.
 */
export async function isStale(
  { threads }: CatchUpClient,
  threadId: string,
  run: CheckpointFields,
  turns: UnheardTurns | undefined,
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

/**
 * The turns of whose end a client may not have heard: since anybody has read
 * the thread through this replica, they were stopped here, or ended by
 * themselves when all their readers here had left; or others have cut them last.
 */
export function unheardTurns(
  { stops, readers }: Pick<Services, "stops" | "readers">,
  threadId: string,
  runs: Run[],
): UnheardTurns | undefined {
  const last = stops.lastOn(threadId)?.run;
  const left = runs.filter(
    ({ run_id, status, updated_at }) =>
      status === "success" && readers.haveLeft(run_id) && !readers.haveReadSince(threadId, Date.parse(updated_at)),
  );
  const isCutElsewhere = (run: Run) => isCut(run) && (!last || byCreation(run, last) > 0);
  const heard = runs.findLastIndex((run) => !left.includes(run) && !isCutElsewhere(run));
  const elsewhere = runs.slice(heard + 1).filter(isCutElsewhere);
  const turns = [...stops.unreadOn(threadId), ...left, ...elsewhere].sort(byCreation);
  const [first] = turns;
  if (!first) return undefined;
  return { runIds: turns.map(({ run_id }) => run_id), since: first.created_at, unread: elsewhere.length === 0 };
}

const byCreation = (a: Pick<Run, "created_at">, b: Pick<Run, "created_at">) =>
  Date.parse(a.created_at) - Date.parse(b.created_at);

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
