import type { Run } from "@langchain/langgraph-sdk";
import type { State } from "../core/cut.ts";
import { isObject } from "../core/message.ts";
import { byAge } from "../stop/list-runs.ts";
import { isTerminal } from "../stop/settle.ts";
import { type Breakpoints, firstOf, stepOf } from "./step-body.ts";

/** A run that is driven step by step, as its thread's runs tell. */
export interface Chain {
  /** The run that clients know. */
  first: Run;
  /** All of its steps, the first one included, oldest first. */
  steps: Run[];
  last: Run;
  /** The stops that somebody has asked for. */
  flags: Run[];
  /** Another run was created since. */
  overtaken: boolean;
  /** Its first step waits in the server's queue, behind another run. */
  queued: boolean;
}

/** In a flag's metadata: the id of the run that is to stop. */
export const flagKey = "fermata_stop";

/** In a flag's metadata: who waits behind the run is not to start, either. */
export const queueKey = "fermata_stop_queue";

/** The run that the flag, which is one itself, is to stop; undefined for any other run. */
export const flagOf = ({ metadata }: Pick<Run, "metadata">): string | undefined => {
  const id = isObject(metadata) ? metadata[flagKey] : undefined;
  return typeof id === "string" ? id : undefined;
};

/** Whether the flag concerns those who wait behind the run, too. */
export const stopsQueue = ({ metadata }: Pick<Run, "metadata">): boolean =>
  isObject(metadata) && metadata[queueKey] === true;

/** The chain that a run of this id began, or undefined if it began none. */
export function chainOf(runs: Run[], firstId: string): Chain | undefined {
  const first = runs.find(({ run_id }) => run_id === firstId);
  if (!first || !stepOf(first)) return undefined;
  const steps = runs.filter((run) => firstOf(run) === firstId && !flagOf(run)).sort(byAge);
  const last = steps.at(-1) ?? first;
  const others = runs.filter((run) => !steps.includes(run) && !flagOf(run));
  return {
    first,
    steps,
    last,
    flags: runs.filter((run) => flagOf(run) === firstId),
    overtaken: others.some((run) => byAge(run, last) > 0),
    queued: last.status === "pending" && others.some((run) => !isTerminal(run) && byAge(run, last) < 0),
  };
}

/** The latest chain on the thread, if nobody else has had a turn there since. */
export function latestChain(runs: Run[]): Chain | undefined {
  const ids = new Set(runs.filter((run) => !flagOf(run)).flatMap((run) => firstOf(run) ?? []));
  const chains = [...ids].flatMap((id) => chainOf(runs, id) ?? []);
  return chains.find((chain) => !chain.overtaken || !isTerminal(chain.last));
}

/**
 * Where a chain stands whose last step has ended, by the state that it left:
 * `resting` at a boundary, from where it is to be driven on; `paused` where
 * the graph or the run's creator wants it to; or `over`. Where somebody has
 * written since, it is theirs to go on from there.
 */
export type Standing = "resting" | "paused" | "over";

/** `ran` are the nodes that the last step has run, if it is known. */
export function standingOf(
  { last, overtaken }: Pick<Chain, "last" | "overtaken">,
  state: Pick<State, "next" | "tasks" | "metadata">,
  { before, after }: Breakpoints,
  ran: string[] = [],
): Standing {
  if (last.status !== "success" || overtaken || state.next.length === 0) return "over";
  if (state.tasks.some(({ interrupts }) => (interrupts?.length ?? 0) > 0)) return "paused";
  if (state.next.some((node) => before.includes(node)) || ran.some((node) => after.includes(node))) return "paused";
  return isLeftBy(last, state) ? "resting" : "over";
}

/** Whether the thread's head is what the step has come to. */
export const isLeftBy = ({ run_id }: Pick<Run, "run_id">, { metadata }: Pick<State, "metadata">): boolean =>
  metadata?.source === "loop" && metadata.run_id === run_id;
