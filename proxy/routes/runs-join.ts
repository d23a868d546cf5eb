import type { Middleware } from "koa";
import { promptFetch } from "../insist.ts";
import type { Services } from "../services.ts";
import { addedModes, askedModes, isAddition } from "../sse/modes.ts";
import { firstOf } from "../stepwise/step-body.ts";
import { parseStepId } from "../stepwise/step-id.ts";
import { streamSteps } from "../stepwise/stream-steps.ts";
import { isTerminal } from "../stop/settle.ts";
import { ageOf } from "../stop/snapshots.ts";
import { asCaller, clientFor } from "../upstream.ts";
import { requireId } from "./ids.ts";
import { leaving } from "./leaving.ts";
import { streamToClient } from "./stream-to-client.ts";

/**
 * `GET /threads/:thread_id/runs/:run_id/stream`: joins a run, without what the
 * proxy added to it. The run itself says what that is, so any replica knows.
 */
export function runsJoin(services: Services): Middleware {
  return async function joinRun(ctx) {
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const runId = requireId("run_id", ctx.params.run_id);
    const run = await asCaller(clientFor(ctx.headers, services.upstream).runs.get(threadId, runId));
    const added = addedModes(run);
    const { kwargs } = run as { kwargs?: { stream_mode?: unknown } };
    const modes = askedModes({ stream_mode: kwargs?.stream_mode });
    const lastEventId = ctx.get("last-event-id") || undefined;
    const { onDisconnect, query } = leaving(ctx);
    const store = clientFor(ctx.headers, services.upstream, promptFetch());
    if (!isTerminal(run)) void services.departures.takeBack(store, run.run_id);
    if (firstOf(run) === run.run_id) {
      return await streamSteps(services, ctx, {
        threadId,
        runId: run.run_id,
        seen: lastEventId === undefined ? "now" : parseStepId(lastEventId),
        isAddition: ({ event }) => isAddition(event, added),
        wantsValues: modes.includes("values"),
        onDisconnect,
        onRun: () => services.stepwise.follow(ctx.headers, threadId, run.run_id),
      });
    }
    if (!isTerminal(run)) services.snapshots.watch(ctx.headers, threadId, run.run_id, ageOf(run));
    await streamToClient(services, ctx, {
      threadId,
      // As the server spells it.
      runId: run.run_id,
      query,
      keep: ({ event }) => !isAddition(event, added),
      // A run that was over before it was joined is replayed as it was.
      wantsValues: modes.includes("values") && !isTerminal(run),
      onDisconnect,
      stream: (fetch, signal) =>
        clientFor(ctx.headers, services.upstream, fetch).runs.joinStream(threadId, runId, {
          signal,
          lastEventId,
        }),
    });
  };
}
