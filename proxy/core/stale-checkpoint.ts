/** A checkpoint of a thread's history, newest first, as the decision looks at it. */
export interface Ancestor {
  checkpoint: { checkpoint_id?: string | null };
  parent_checkpoint?: { checkpoint_id?: string | null } | null;
  metadata?: { source?: unknown; run_id?: unknown } | null;
  created_at?: string | null;
}

/** The turns that were cut, or left before they ended, one after the other: a client may not know of their end yet. */
export interface UnheardTurns {
  runIds: string[];
  /** When the first of their runs was created: ISO 8601. */
  since: string;
  /**
   * This replica knows of them all, and has seen nobody read the thread since.
   * Where another replica has cut one, it is not known who has read.
   */
  unread: boolean;
}

/** `elsewhere`: on another branch, or deleted with its run; `unknown`: the history given doesn't reach far enough. */
export type Standing = "stale" | "meant" | "elsewhere" | "unknown";

/**
 * Whether a new run names a checkpoint because its client has not heard of the
 * turns' end, and would fork them away without wanting to; or because
 * the user edits one of them, which is a fork that is meant.
 *
 * Stale is what the client knew before: the head from before the first of
 * these turns; and, as long as nobody has read the thread since, any
 * checkpoint after it. Except the one that holds a run's input: only who has
 * read the history knows it, and it is where an edit of the message starts.
 *
 * Where nobody knows whether the thread was read, it is the checkpoint that
 * tells: who names one from within the turn has read it, who names the one
 * before it has not. Should it be an edit all the same (a client that counts
 * in turns), then it is appended, and nothing that was kept is lost.
 */
export function standingOf(named: string, history: Ancestor[], turns: UnheardTurns): Standing {
  const line = lineage(history);
  if (line[0] && idOf(line[0]) === named) return "meant";
  const end = line.findIndex((state) => !isOf(state, turns));
  const cut = end === -1 ? line : line.slice(0, end);
  const isBefore = (state: Ancestor) => isInput(state) && state.parent_checkpoint?.checkpoint_id === named;
  if ((line[end] && idOf(line[end]) === named) || cut.some(isBefore)) return "stale";
  const own = cut.find((state) => idOf(state) === named);
  if (own) return turns.unread && !isInput(own) ? "stale" : "meant";
  return end === -1 ? "unknown" : "elsewhere";
}

const idOf = (state: Ancestor) => state.checkpoint.checkpoint_id;

const isInput = ({ metadata }: Ancestor) => metadata?.source === "input";

/** Of these turns is what their runs wrote, and what was written since: stops write as no run. */
function isOf({ metadata, created_at }: Ancestor, { runIds, since }: UnheardTurns): boolean {
  return runIds.includes(String(metadata?.run_id)) || Date.parse(created_at ?? "") >= Date.parse(since);
}

/** The head and its ancestors, newest first, as far as the history goes. */
function lineage(history: Ancestor[]): Ancestor[] {
  const byId = new Map(history.map((state) => [idOf(state), state]));
  const line: Ancestor[] = [];
  for (let state = history[0]; state; state = byId.get(state.parent_checkpoint?.checkpoint_id)) line.push(state);
  return line;
}
