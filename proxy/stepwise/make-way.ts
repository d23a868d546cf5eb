import type { IncomingHttpHeaders } from "node:http";
import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Action } from "../core/cut.ts";
import { isObject } from "../core/message.ts";
import { fromCheckpoint, namedCheckpoint } from "../core/named-checkpoint.ts";
import { ProxyError, UpstreamAnswer } from "../errors.ts";
import type { ServerKind } from "../server-kind.ts";
import type { Services } from "../services.ts";
import type { NewRun } from "../stop/before-run.ts";
import type { Creation } from "../stop/creation.ts";
import { isAbandoned } from "../stop/is-abandoned.ts";
import { resultOfRefused } from "../stop/rollback-refused.ts";
import { isAlive } from "./as-seen.ts";
import { type Chain, flagOf, latestChain } from "./chain.ts";
import { clearFlags } from "./flags.ts";
import { allRuns } from "./read-chain.ts";

type Needed = Pick<Services, "stops" | "readers" | "departures" | "server" | "stepwise" | "metrics">;

/** So much of the history is looked through for the boundary where a run was stopped. */
const mostWrites = 40;

/** Whether one of these runs is a step, or a stop, of a run that is driven step by step. */
export const hasSteps = (runs: Run[]): boolean =>
  runs.some((run) => flagOf(run) || (isObject(run.metadata) && run.metadata.stepwise === true));

/**
 * Another run is to be created on a thread whose run is driven step by step,
 * and must not come between two of its steps: it takes that one's place, once
 * it has come to a boundary, or waits for its end, or is refused as the server
 * would refuse it during a step.
 *
 * Resolves to the new run as it is to be created: one without input goes on
 * from where the last one was stopped. Throws `UpstreamAnswer` where it is
 * refused, `ProxyError` 409 `stopped` if the whole thread is stopped while it waits.
 */
export async function makeWay(
  services: Needed,
  caller: IncomingHttpHeaders,
  client: Client,
  threadId: string,
  wanted: NewRun,
  creation: Creation,
): Promise<NewRun> {
  const { stops, readers, server, metrics, stepwise } = services;
  for (;;) {
    const runs = await allRuns(client, threadId);
    const chain = latestChain(runs);
    if (!chain || !(await isAlive(client, threadId, chain))) {
      await clearFlags(client, threadId, runs.filter(flagOf));
      return chain ? await fromBoundary(client, threadId, wanted, chain) : wanted;
    }
    const runId = chain.first.run_id;
    const action = await takesOver(services, client, threadId, wanted, chain);
    // What waits in the server's queue is taken out of it like any other run.
    if (action && chain.queued) return wanted;
    if (action) {
      const stop = { ...stops.asked(runId, action), withQueue: true };
      const stopped = stops.stop(client, threadId, { ...chain.first, status: "running" }, stop);
      await creation.letGoDuring(stopped.catch(passRefusedRollback));
      readers.forget(runId);
      continue;
    }
    const kind = await server.kind(caller);
    const isStopping = chain.flags.length > 0 || stops.isUnderWay(runId);
    const strategy = wanted.multitask_strategy ?? (kind === "js" ? "reject" : "enqueue");
    // A run that is being stopped is waited for in any case, as other stops are.
    if (strategy !== "enqueue" && !isStopping) throw refusal(kind);
    metrics.waitingRuns.inc();
    const wait = stepwise.follow(caller, threadId, runId).wasStoppedBefore(chain.flags);
    if (await creation.letGoDuring(wait).finally(() => metrics.waitingRuns.dec())) throw stoppedBefore(runId);
  }
}

/** How the new run takes the place of the one that lives; undefined if it doesn't. */
async function takesOver(
  { departures, server }: Needed,
  client: Client,
  threadId: string,
  { multitask_strategy: strategy }: NewRun,
  { first, last }: Chain,
): Promise<Action | undefined> {
  if (strategy === "interrupt" || strategy === "rollback") return strategy;
  if (strategy == null && (await departures.haveLeft(client, first.run_id))) return "interrupt";
  // What would wait for ever, or be refused, because of a run that nobody carries out any more, doesn't.
  return strategy !== "reject" && (await isAbandoned(client, { server }, threadId, last)) ? "interrupt" : undefined;
}

/** A run that could not be rolled back is stopped and kept all the same: the new one may have its turn. */
function passRefusedRollback(error: unknown): void {
  if (!resultOfRefused(error)) throw error;
}

/** As the server answers a run that is not to wait, while another is active. */
function refusal(kind: ServerKind | undefined): UpstreamAnswer {
  const detail = "Thread is already running a task. Wait for it to finish or choose a different multitask strategy.";
  return kind === "js"
    ? new UpstreamAnswer(422, detail, new Headers({ "content-type": "text/plain;charset=UTF-8" }))
    : new UpstreamAnswer(409, JSON.stringify({ detail }), new Headers({ "content-type": "application/json" }));
}

function stoppedBefore(runId: string): ProxyError {
  return new ProxyError(
    409,
    "stopped",
    `The thread was stopped while this run waited for run ${runId}: it was not created.`,
  );
}

async function fromBoundary(client: Client, threadId: string, wanted: NewRun, chain: Chain): Promise<NewRun> {
  if (wanted.input != null || wanted.command != null || namedCheckpoint(wanted) !== undefined) return wanted;
  if (chain.overtaken || chain.last.status !== "success") return wanted;
  const history = await client.threads.getHistory(threadId, { limit: mostWrites });
  // Where something is still to come, somebody has said from where.
  if (history[0]?.next.length) return wanted;
  const written = history.findIndex(({ metadata }) => metadata?.source !== "update");
  const boundary = written > 0 ? history[written] : undefined;
  if (!boundary?.next.length || !boundary.checkpoint.checkpoint_id) return wanted;
  return fromCheckpoint({ ...wanted, checkpoint_id: "here" }, { checkpoint_id: boundary.checkpoint.checkpoint_id });
}
