import type { Context, Middleware } from "koa";
import { callerOf } from "../credentials.ts";
import { firstLookFetch, insistentFetch } from "../insist.ts";
import type { PassOn } from "../pass-on.ts";
import type { ServerKind } from "../server-kind.ts";
import type { Services } from "../services.ts";
import { asSeen } from "../stepwise/as-seen.ts";
import { isTerminal } from "../stop/settle.ts";
import type { StopResult } from "../stop/stop-run.ts";
import { asCaller, clientFor } from "../upstream.ts";
import { requireId } from "./ids.ts";

/**
 * `POST /threads/:thread_id/runs/:run_id/cancel`: the server's own cancel, but
 * what was seen is kept, and the answer comes after it is stored.
 *
 * What the server would refuse or ignore (a run that has ended, a bad query) is the server's to answer.
 */
export function cancelRun(services: Services, passOn: PassOn): Middleware {
  return async function cancel(ctx) {
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const runId = requireId("run_id", ctx.params.run_id);
    const action = ctx.query.action ?? "interrupt";
    if (action !== "interrupt" && action !== "rollback") return void (await passOn(ctx));
    const carriedOut = async (granted: () => void) => {
      const client = clientFor(ctx.headers, services.upstream, firstLookFetch());
      const last = services.stops.lastOn(threadId);
      if (last?.run.run_id === runId) {
        const { values } = await asCaller(client.threads.getState(threadId));
        granted();
        return answer(ctx, await services.server.kind(ctx.headers), threadId, { ...last.result, values });
      }
      const run = await asSeen(client, threadId, await asCaller(client.runs.get(threadId, runId)));
      granted();
      if (isTerminal(run) && run.status !== "interrupted") {
        services.readers.stoppedTooLate(run.run_id);
        return void (await passOn(ctx));
      }
      // A run that was cut before is only looked after: undoing it now would be another's decision.
      const stop = services.stops.asked(run.run_id, isTerminal(run) ? "interrupt" : action);
      const insistent = clientFor(ctx.headers, services.upstream, insistentFetch());
      // While a step is waited for, the thread isn't held.
      return { stopped: asCaller(services.stops.stop(insistent, threadId, run, stop)) };
    };
    const found = await services.threads.stopping(threadId, carriedOut, callerOf(ctx.headers));
    // A refusal that nobody looks at at once would end the process.
    const result = await found?.stopped;
    if (result) answer(ctx, await services.server.kind(ctx.headers), threadId, result);
  };
}

/** As each server answers: Python 202, or 200 with the thread's values after waiting; JS 202 or 204. */
function answer(ctx: Context, kind: ServerKind | undefined, threadId: string, result: StopResult): void {
  const { wait } = ctx.query;
  ctx.body = "";
  ctx.remove("content-type");
  if (kind === "js") {
    // Its `wait` is true for every value but the empty one, `0` included.
    ctx.status = wait ? 204 : 202;
    return;
  }
  const waited = ["1", "true", "True", "yes", "on"].includes(String(wait));
  ctx.status = waited ? 200 : 202;
  if (!waited) return;
  const run = `/threads/${threadId}/runs/${ctx.params.run_id}`;
  ctx.body = JSON.stringify(result.values ?? {});
  ctx.set({ "content-type": "application/json", "content-location": run, location: `${run}/join` });
}
