import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Action } from "../core/cut.ts";
import type { Services } from "../services.ts";
import type { NewRun } from "./before-run.ts";
import { cancelQueued } from "./cancel-queued.ts";
import { isAbandoned } from "./is-abandoned.ts";
import { leaveRefusal } from "./refusals.ts";
import { resultOfRefused } from "./rollback-refused.ts";

type Needed = Pick<Services, "stops" | "readers" | "departures" | "server">;

export function isDoubleTexting(wanted: NewRun): wanted is NewRun & { multitask_strategy: Action } {
  return wanted.multitask_strategy === "interrupt" || wanted.multitask_strategy === "rollback";
}

/** Stops and keeps what is active on the thread, if the new run is to take its place. Resolves to whether it did. */
export async function stopForNewRun(
  client: Client,
  services: Needed,
  threadId: string,
  wanted: NewRun,
  active: Run[],
): Promise<boolean> {
  const action = await actionFor(client, services, threadId, wanted, active);
  if (action) await stopAll(client, services, threadId, active, action);
  return action !== undefined;
}

async function actionFor(
  client: Client,
  services: Needed,
  threadId: string,
  wanted: NewRun,
  active: Run[],
): Promise<Action | undefined> {
  const [first] = active;
  if (!first) return undefined;
  if (isDoubleTexting(wanted)) return wanted.multitask_strategy;
  if (wanted.multitask_strategy != null) return undefined;
  if (await haveAllLeft(client, services, active)) return "interrupt";
  return (await isGivenUp(client, services, threadId, first)) ? "interrupt" : undefined;
}

async function haveAllLeft(client: Client, { departures }: Needed, active: Run[]): Promise<boolean> {
  for (const { run_id } of active) if (!(await departures.haveLeft(client, run_id))) return false;
  return true;
}

/** What would be refused because of a run that nobody carries out any more is not. */
async function isGivenUp(client: Client, services: Needed, threadId: string, { run_id }: Run): Promise<boolean> {
  if ((await services.server.kind()) !== "js") return false;
  try {
    return await isAbandoned(client, services, threadId, await client.runs.get(threadId, run_id));
  } catch (error) {
    leaveRefusal(error);
    return false;
  }
}

async function stopAll(
  client: Client,
  { stops, readers, departures }: Needed,
  threadId: string,
  active: Run[],
  action: Action,
): Promise<void> {
  try {
    await cancelQueued(client, threadId, active);
    for (const { run_id } of active) {
      const run = await client.runs.get(threadId, run_id);
      await stops.stop(client, threadId, run, stops.asked(run_id, action)).catch(passRefusedRollback);
      if (action === "interrupt") void departures.takeBack(client, run_id);
      readers.forget(run_id);
    }
  } catch (error) {
    leaveRefusal(error);
  }
}

/** A run that could not be rolled back is stopped and kept all the same: the new one may have its turn. */
function passRefusedRollback(error: unknown): void {
  if (!resultOfRefused(error)) throw error;
}
