import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Middleware } from "koa";
import { insistentFetch } from "../insist.ts";
import type { PassOn } from "../pass-on.ts";
import { asObject, readText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { activeAsSeen, asSeen } from "../stepwise/as-seen.ts";
import { activeRuns } from "../stop/reconcile.ts";
import { isTerminal } from "../stop/settle.ts";
import { asAnswer, clientFor, statusOf } from "../upstream.ts";
import { uuid } from "./ids.ts";

/** So many busy threads are looked through for runs at most. */
const mostThreads = 1000;

/**
 * `POST /runs/cancel`: the server's own cancel of many, but what was seen is
 * kept; `{ thread_id, run_ids }`, or `{ status }` for the runs of all threads
 * that the caller can list. 204 when it is stored.
 *
 * Where there is nothing to stop, the server answers: that there is nothing,
 * or that the body makes no sense, or, in JS, that it has no such route.
 */
export function cancelMany(services: Services, passOn: PassOn): Middleware {
  return async function cancelRuns(ctx) {
    const text = await readText(ctx.req, services.settings.bodyLimit);
    const client = clientFor(ctx.headers, services.upstream, insistentFetch());
    const isJs = (await services.server.kind(ctx.headers)) === "js";
    const runs = isJs ? [] : await runsAsked(client, asObject(text) ?? {});
    if (runs.length === 0) return void (await passOn(ctx, { body: text }));
    const action = ctx.query.action === "rollback" ? "rollback" : "interrupt";
    const threadIds = [...new Set(runs.map(({ thread_id }) => thread_id))];
    const outcomes = await Promise.allSettled(
      threadIds.map(async (threadId) => {
        // One after the other: what is queued first, or it would start as soon as what runs is stopped.
        for (const run of runs.filter(({ thread_id }) => thread_id === threadId).sort(queuedFirst)) {
          await services.stops.stop(client, threadId, run, services.stops.asked(run.run_id, action));
        }
      }),
    );
    const failed = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
    // The server, too, passes over what the caller may not touch, as long as there is something else.
    const telling = failed.find((error) => !isRefusal(error)) ?? (failed.length === threadIds.length && failed[0]);
    if (telling) throw asAnswer(telling);
    ctx.status = 204;
  };
}

const isRefusal = (error: unknown) => [403, 404].includes(statusOf(error) ?? 0);

const queuedFirst = (a: Run, b: Run) => Number(b.status === "pending") - Number(a.status === "pending");

/** The runs to be stopped that the caller can see; none if the body asks for nothing that makes sense. */
async function runsAsked(client: Client, body: Record<string, unknown>): Promise<Run[]> {
  const { thread_id: threadId, run_ids: runIds, status } = body;
  if (status) return threadId || runIds ? [] : await runsWith(client, String(status).toLowerCase());
  if (!isId(threadId) || !Array.isArray(runIds) || !runIds.every(isId)) return [];
  const look = async (runId: string) => await asSeen(client, threadId, await client.runs.get(threadId, runId));
  const found = await Promise.all(runIds.map((runId: string) => ifSeen(look(runId))));
  return found.flatMap((run) => (run && !isTerminal(run) ? [run] : []));
}

async function runsWith(client: Client, status: string): Promise<Run[]> {
  if (!["pending", "running", "all"].includes(status)) return [];
  const threads = (await ifSeen(client.threads.search({ status: "busy", limit: mostThreads }))) ?? [];
  const look = async (threadId: string) => await activeAsSeen(client, threadId, await activeRuns(client, threadId));
  const active = await Promise.all(threads.map(({ thread_id }) => ifSeen(look(thread_id))));
  return active.flatMap((runs) => runs ?? []).filter((run) => status === "all" || run.status === status);
}

const isId = (value: unknown): value is string => typeof value === "string" && uuid.test(value);

/** What the caller may not see is passed over. */
async function ifSeen<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    const status = statusOf(error);
    if (status !== undefined && status < 500) return undefined;
    throw error;
  }
}
