import type { IncomingHttpHeaders } from "node:http";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { isObject } from "../core/message.ts";
import { fromCheckpoint, namedCheckpoint } from "../core/named-checkpoint.ts";
import type { Services } from "../services.ts";
import type { NewRun } from "../stop/before-run.ts";
import { isTerminal } from "../stop/settle.ts";
import { isAlive } from "./as-seen.ts";
import { type Chain, flagOf } from "./chain.ts";
import { chainOn } from "./read-chain.ts";

type Needed = Pick<Services, "stops" | "readers" | "server" | "stepwise">;

/** So much of the history is looked through for the boundary where a run was stopped. */
const mostWrites = 40;

/** Whether one of these runs is a step, or a stop, of a run that is driven step by step. */
export const hasSteps = (runs: Run[]): boolean =>
  runs.some((run) => flagOf(run) || (isObject(run.metadata) && run.metadata.stepwise === true));

/**
 * Another run is to be created on a thread whose run is driven step by step,
 * and must not come between two of its steps: it takes that one's place, once
 * it has come to a boundary, or waits for its end, or is left to the server to
 * refuse. `onWait` is called before a wait that may be long.
 *
 * Resolves to the new run as it is to be created: one without input goes on
 * from where the last one was stopped.
 */
export async function makeWay(
  services: Needed,
  caller: IncomingHttpHeaders,
  client: Client,
  threadId: string,
  wanted: NewRun,
  onWait: () => void,
): Promise<NewRun> {
  const chain = await chainOn(client, threadId);
  if (!chain) return wanted;
  if (!(await isAlive(client, threadId, chain))) return await fromBoundary(client, threadId, wanted, chain);
  const { stops, readers, stepwise } = services;
  const { run_id: runId } = chain.first;
  const strategy = wanted.multitask_strategy ?? (await usual(services));
  const takesOver = strategy === "interrupt" || strategy === "rollback";
  if (takesOver || (wanted.multitask_strategy == null && readers.haveLeft(runId))) {
    await stops.stop(client, threadId, { ...chain.first, status: "running" }, stops.asked(runId));
    readers.forget(runId);
    return wanted;
  }
  onWait();
  const drive = stepwise.follow(caller, threadId, runId);
  if (strategy === "enqueue") await drive.over;
  // The server refuses it while a step is active.
  else if (isTerminal(chain.last)) await drive.steps.at(chain.steps.length, AbortSignal.timeout(10_000));
  return wanted;
}

const usual = async ({ server }: Needed) => ((await server.kind()) === "js" ? "reject" : "enqueue");

async function fromBoundary(client: Client, threadId: string, wanted: NewRun, chain: Chain): Promise<NewRun> {
  if (wanted.input != null || wanted.command != null || namedCheckpoint(wanted) !== undefined) return wanted;
  if (chain.overtaken || chain.last.status !== "success") return wanted;
  const history = await client.threads.getHistory(threadId, { limit: mostWrites });
  const written = history.findIndex(({ metadata }) => metadata?.source !== "update");
  const boundary = written > 0 ? history[written] : undefined;
  if (!boundary?.next.length || !boundary.checkpoint.checkpoint_id) return wanted;
  return fromCheckpoint({ ...wanted, checkpoint_id: "here" }, { checkpoint_id: boundary.checkpoint.checkpoint_id });
}
