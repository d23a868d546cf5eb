import type { IncomingHttpHeaders } from "node:http";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { conversationKey, messagesIn } from "../core/message.ts";
import { namedCheckpoint, onHead } from "../core/named-checkpoint.ts";
import { hasToolMessage, withoutSecondAnswers } from "../core/second-answers.ts";
import { firstLookFetch, promptFetch } from "../insist.ts";
import type { Services } from "../services.ts";
import type { RunBody } from "../sse/modes.ts";
import { flagOf } from "../stepwise/chain.ts";
import { hasSteps, makeWay } from "../stepwise/make-way.ts";
import { isStepwise } from "../stepwise/step-body.ts";
import { asAnswer, clientFor } from "../upstream.ts";
import { fromHead, isStale, unheardTurns } from "./catch-up.ts";
import type { Creation } from "./creation.ts";
import { isDoubleTexting, stopForNewRun } from "./double-texting.ts";
import { heal } from "./heal.ts";
import { listRuns } from "./list-runs.ts";
import { leaveRefusal } from "./refusals.ts";
import { isTerminal } from "./settle.ts";

type Needed = Pick<
  Services,
  "stops" | "readers" | "departures" | "snapshots" | "server" | "settings" | "log" | "upstream" | "stepwise" | "metrics"
>;

/** What is asked of the new run, as far as it concerns the one before it. */
export interface NewRun extends RunBody {
  multitask_strategy?: unknown;
  input?: unknown;
  command?: unknown;
  checkpoint?: unknown;
  checkpoint_id?: unknown;
}

/** It, as it is to be created. */
export interface ReadyRun {
  run: NewRun;
  /** Nothing else may be active when it is: it would come between two steps of one that is driven step by step. */
  alone: boolean;
}

/** The run as it is asked for, with the strategy that runs without one have here. */
export function withStrategy(wanted: NewRun | undefined, strategy: string | undefined): NewRun | undefined {
  return wanted && strategy && wanted.multitask_strategy == null ? { ...wanted, multitask_strategy: strategy } : wanted;
}

/**
 * Looks after the thread before a new run starts on it, so that no text is
 * lost and the new run finds a history that a model accepts:
 *
 * - double texting (`interrupt`, `rollback`): what runs is stopped and kept first;
 * - a run that all its readers have hung up on, and no word of what to do with it: likewise;
 * - a run that was cut behind the proxy's back, or failed: healed, unless the
 *   new run resumes or forks on purpose.
 *
 * Resolves to the new run as it is to be created: from the head, if it names a
 * checkpoint that a stop has left behind; and without answers to tool calls
 * that are answered already.
 *
 * Double texting fails if it can't be done. A thread that can't be looked
 * after otherwise is no worse than it was: the new run has its turn.
 *
 * All of it in the name of the `caller`, whose headers these are. The creation
 * is let go during a wait that may be long.
 */
export async function beforeRun(
  services: Needed,
  caller: IncomingHttpHeaders,
  threadId: string,
  asked: NewRun,
  creation: Creation,
): Promise<ReadyRun> {
  const { run, ...ready } = await lookAfter(services, caller, threadId, asked, creation);
  return { ...ready, run: (await services.server.kind(caller)) === "js" ? onHead(run) : run };
}

async function lookAfter(
  services: Needed,
  caller: IncomingHttpHeaders,
  threadId: string,
  asked: NewRun,
  creation: Creation,
): Promise<ReadyRun> {
  const client = clientFor(caller, services.upstream, promptFetch());
  let wanted = asked;
  if (isStepwise(asked)) await creation.takeTurn(services.stepwise.creations);
  let runs = await firstLook(services, caller, threadId, wanted);
  const alone = isStepwise(asked) || hasSteps(runs);
  if (hasSteps(runs)) {
    await creation.takeTurn(services.stepwise.creations);
    wanted = await makeWay(services, caller, client, threadId, wanted, creation);
    runs = (await firstLook(services, caller, threadId, wanted)).filter((run) => !flagOf(run));
  }
  const active = runs.filter((run) => !isTerminal(run));
  const stopped = await stopForNewRun(client, services, threadId, wanted, active);
  if (!stopped && active.length > 0) {
    return { run: await withoutSurplus(client, threadId, wanted, services, true), alone: false };
  }
  const stale = isMessage(wanted) && (await fallsBehind(client, services, threadId, wanted, runs));
  const isNew = isMessage(wanted) && (stale || namedCheckpoint(wanted) === undefined);
  if (!stopped && isNew && services.settings.heal) await heal(client, services, threadId, runs);
  const run = stale ? await fromHead(client, threadId, wanted) : wanted;
  return { run: await withoutSurplus(client, threadId, run, services, false), alone };
}

async function firstLook(services: Needed, caller: IncomingHttpHeaders, threadId: string, wanted: NewRun) {
  try {
    return await listRuns(clientFor(caller, services.upstream, firstLookFetch()), threadId);
  } catch (error) {
    if (isDoubleTexting(wanted)) throw asAnswer(error);
    services.log.warn({ err: error, thread_id: threadId }, "could not look after the thread before a new run");
    return [];
  }
}

/** New input: not a resumption, nor another try. */
const isMessage = ({ input, command }: NewRun): boolean => input != null && command == null;

/** What the caller may not read can't be looked at. */
async function fallsBehind(client: Client, services: Needed, threadId: string, wanted: NewRun, runs: Run[]) {
  try {
    return await isStale(client, threadId, wanted, unheardTurns(services, threadId, runs));
  } catch (error) {
    leaveRefusal(error);
    return false;
  }
}

/**
 * Clients invent answers to calls that are open in their view. The thread is only read if the input has answers.
 * A run that `waits` for another comes after what that will still answer, unless its graph has come to its end:
 * then its open calls are the client's.
 */
async function withoutSurplus(
  client: Client,
  threadId: string,
  wanted: NewRun,
  { stops }: Needed,
  waits: boolean,
): Promise<NewRun> {
  if (!hasToolMessage(wanted.input)) return wanted;
  try {
    const { values, next } = await client.threads.getState(threadId, namedCheckpoint(wanted));
    const key = conversationKey(values, wanted.input, stops.preferredKey);
    const input = withoutSecondAnswers(wanted.input, messagesIn(values, key), key, waits && next.length > 0);
    return input === wanted.input ? wanted : { ...wanted, input };
  } catch (error) {
    leaveRefusal(error);
    return wanted;
  }
}
