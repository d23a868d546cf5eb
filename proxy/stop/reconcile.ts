import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { entrypointOf, type State } from "../core/cut.ts";
import type { Write } from "../core/plan.ts";
import { ProxyError } from "../errors.ts";
import { statusOf } from "../upstream.ts";
import { byAge, everyRun } from "./list-runs.ts";

/** The calls that reconciling makes. */
export interface ReconcileClient {
  threads: Pick<Client["threads"], "getState" | "updateState">;
  runs: Pick<Client["runs"], "list">;
}

/** What came of it: the state as it is now, and whether a newer run took the thread over before all was written. */
export interface Reconciled {
  state: State;
  superseded: boolean;
}

/** More writes than any plan needs: one per pending superstep, and a handful. */
const mostWrites = 40;

/** More writes of values than any plan needs: the input twice, what was cut, and all of it once more in the place of what was there. */
const mostValues = 6;

/** So long a write that the server doesn't take is tried again, in milliseconds. */
const patience = 15_000;

/** What every graph but one of the functional API can be written to as. */
const start = "__start__";

/** With what servers answer, beside 500, when an edge of the graph throws. */
const asOwnFault = [400, 422];

/**
 * Writes what `plan` asks for, reading the head again after each write, until it asks for nothing.
 *
 * 409 means that the thread is busy: with the run that winds down, or with a
 * newer run, which then owns the thread. What fails otherwise (5xx, no answer)
 * may have been carried out all the same, so the head says what is still to do.
 * Throws the last failure after 15 s of them; and where a write does not bring
 * the thread nearer, before it is made again. `first` is the head, if it has just been read.
 *
 * The edges from a node that was cut may want what it had yet to write, and
 * fail, and the write with them. So what fails as a node is tried as the start.
 */
export async function reconcile(
  client: ReconcileClient,
  threadId: string,
  runId: string,
  plan: (state: State) => Write | undefined,
  first?: State,
): Promise<Reconciled> {
  let deadline: number | undefined;
  let known = first;
  let fromStart = false;
  /** As which nodes the server has refused to write. */
  const refused = new Set<string | undefined>();
  const written = new Set<string>();
  for (let writes = 0; writes < mostWrites; ) {
    const state = known ?? (await readState(client, threadId));
    known = undefined;
    const planned = plan(state);
    const isByNode = planned !== undefined && followsEdges(planned) && !entrypointOf(state);
    const write: Write | undefined = isByNode && fromStart ? { ...planned, asNode: start } : planned;
    if (!write) return { state, superseded: false };
    if (write.values && (written.size === mostValues || written.has(JSON.stringify(write)))) throw inVain(threadId);
    const askedAt = Date.now();
    try {
      await client.threads.updateState(threadId, {
        values: write.values as Record<string, unknown>,
        asNode: write.asNode,
        checkpointId: write.checkpointId,
      });
      writes += 1;
      if (write.values) written.add(JSON.stringify(write));
      deadline = undefined;
    } catch (error) {
      const status = statusOf(error) ?? 502;
      const isRefusal = status < 500 && status !== 409;
      const mayBeEdges = isByNode && (status >= 500 || asOwnFault.includes(status)) && !refused.has(write.asNode);
      if (isRefusal && !mayBeEdges) throw error;
      if (isRefusal) refused.add(write.asNode);
      if (status === 409 && (await hasOtherActiveRun(client, threadId, runId))) return { state, superseded: true };
      if (mayBeEdges) fromStart = write.asNode !== start && !refused.has(start);
      deadline ??= askedAt + patience;
      if (Date.now() > deadline) throw status === 409 ? keptBusy(threadId, error) : error;
      await delay(status === 409 ? 50 : 250);
    }
  }
  const message = `Thread ${threadId} still has pending steps after ${mostWrites} writes.`;
  throw new ProxyError(502, "upstream_failed", message);
}

/** Whether it is written as a node of the graph's own, whose edges are then followed. */
const followsEdges = ({ values, asNode }: Write): boolean => values !== null && !(asNode ?? "__").startsWith("__");

const inVain = (threadId: string): ProxyError =>
  new ProxyError(502, "upstream_failed", `Thread ${threadId} does not keep what is written to it as it is written.`);

function keptBusy(threadId: string, cause: unknown): ProxyError {
  const message = `The LangGraph server answered POST /threads/${threadId}/state with 409 for ${patience / 1000} s.`;
  return new ProxyError(502, "upstream_failed", message, { cause });
}

/** The thread's head, with the states of its subgraphs. */
export async function readState(
  { threads }: { threads: Pick<Client["threads"], "getState"> },
  threadId: string,
): Promise<State> {
  return await stateAt({ threads }, threadId);
}

/** The same at one of its checkpoints. */
export async function stateAt(
  { threads }: { threads: Pick<Client["threads"], "getState"> },
  threadId: string,
  checkpointId?: string,
): Promise<State> {
  const state = await threads.getState(threadId, checkpointId, { subgraphs: true });
  return { ...state, tasks: state.tasks ?? [], next: state.next ?? [] } as State;
}

/** Whether a run was created on the thread after this one. */
export async function hasNewerRun(
  { runs }: { runs: Pick<Client["runs"], "list"> },
  threadId: string,
  run: Run,
): Promise<boolean> {
  const others = await everyRun({ runs }, threadId, ["run_id", "created_at"]);
  return others.some(
    ({ run_id, created_at }) => run_id !== run.run_id && Date.parse(created_at) > Date.parse(run.created_at),
  );
}

/**
 * Whether another run has the thread: one that is active, or a later one that has
 * had its turn while this one was wound down, and whose words stand where ours would have to.
 */
export async function belongsToAnother(
  { runs }: { runs: Pick<Client["runs"], "list"> },
  threadId: string,
  run: Run,
): Promise<boolean> {
  const others = await everyRun({ runs }, threadId, ["run_id", "status", "created_at"]);
  return others.some(({ run_id, created_at, status }) => {
    if (run_id === run.run_id) return false;
    if (status === "pending" || status === "running") return true;
    return status !== "interrupted" && Date.parse(created_at) > Date.parse(run.created_at);
  });
}

/** Whether another run is active on the thread. */
export async function hasOtherActiveRun(
  { runs }: { runs: Pick<Client["runs"], "list"> },
  threadId: string,
  runId: string,
): Promise<boolean> {
  const active = await activeRuns({ runs }, threadId);
  return active.some((run) => run.run_id !== runId);
}

/** The thread's runs that are queued or running, oldest first (servers list them in different orders). */
export async function activeRuns({ runs }: { runs: Pick<Client["runs"], "list"> }, threadId: string) {
  // One after the other: a run that is just picked up would be in neither of two lists made at once.
  const pending = await runs.list(threadId, { status: "pending", limit: 100 });
  const running = await runs.list(threadId, { status: "running", limit: 100 });
  const found = new Map([...pending, ...running].map((run) => [run.run_id, run]));
  return [...found.values()].filter(({ status }) => status === "running" || status === "pending").sort(byAge);
}
