import { randomUUID } from "node:crypto";
import type { Client } from "@langchain/langgraph-sdk";
import type { Middleware } from "koa";
import { timeInId } from "../core/time-in-id.ts";
import type { PassOn } from "../pass-on.ts";
import type { Services } from "../services.ts";
import { asCaller, clientFor, statusOf, type Upstream, upstreamFetch } from "../upstream.ts";
import { requireId } from "./ids.ts";

/** So many of the caller's threads are looked through, the newest first. */
const mostThreads = 1000;
/** A run and the thread that was made for it were created within this time, in milliseconds. */
const atOnce = 1000;

/**
 * `GET /runs/:run_id/stream`: the JS server shows anybody any run, of whatever
 * thread. Where it tells its callers apart, a run without a thread is only
 * shown to who may read it; of any other it says that there is none.
 */
export function statelessJoin({ upstream }: Services, passOn: PassOn): Middleware {
  return async function joinStatelessRun(ctx) {
    const runId = requireId("run_id", ctx.params.run_id);
    const client = clientFor(ctx.headers, upstream);
    if ((await isGuarded(upstream)) && !(await asCaller(mayRead(client, runId)))) {
      // No thread has this id.
      await asCaller(client.runs.get(runId, runId));
    }
    await passOn(ctx);
  };
}

/** Whether the server turns away who brings wrong credentials. */
async function isGuarded({ url }: Upstream): Promise<boolean> {
  const nobody = randomUUID();
  const answer = await upstreamFetch(`${url}/threads/${nobody}`, { headers: { authorization: `Bearer ${nobody}` } });
  await answer.body?.cancel();
  return answer.status !== 404;
}

/** Whether the caller can see the run, on the thread that the server has made for it. */
async function mayRead({ threads, runs }: Client, runId: string): Promise<boolean> {
  const createdAt = timeInId(runId);
  if (createdAt === undefined) return false;
  const newest = await threads.search({
    sortBy: "created_at",
    limit: mostThreads,
    select: ["thread_id", "created_at"],
  });
  for (const { thread_id: threadId, created_at } of newest) {
    if (Math.abs(Date.parse(created_at) - createdAt) > atOnce) continue;
    try {
      await runs.get(threadId, runId);
      return true;
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
    }
  }
  return false;
}
