import type { Middleware } from "koa";
import { passBack } from "../answer-errors.ts";
import { isObject } from "../core/message.ts";
import { callerOf } from "../credentials.ts";
import { UpstreamAnswer } from "../errors.ts";
import type { PassOn } from "../pass-on.ts";
import { asObject, asText, readText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { keyed } from "../sse/modes.ts";
import { beforeRun } from "../stop/before-run.ts";
import { callersRequest, upstreamFetch } from "../upstream.ts";
import { requireId } from "./ids.ts";

/**
 * `POST /threads/:thread_id/commands`: the v2 protocol. `run.start` waits for a
 * stop under way like any other run, and finds its thread mended; all other
 * commands are passed on.
 */
export function commands(services: Services, passOn: PassOn): Middleware {
  return async function command(ctx) {
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const text = await readText(ctx.req, services.settings.bodyLimit);
    const given = asObject(text);
    if (given?.method !== "run.start" || !isObject(given.params)) {
      await services.threads.quiet(threadId, callerOf(ctx.headers));
      if (given?.method === "state.get") services.stops.wasRead(threadId);
      return void (await passOn(ctx, { body: text }));
    }
    const { params } = given;
    const created = await services.threads.creating(threadId, callerOf(ctx.headers));
    try {
      if (ctx.res.destroyed) return;
      // The server's own default for these is to wait for its turn.
      const strategy = params.multitaskStrategy ?? params.multitask_strategy ?? "enqueue";
      const wanted = await beforeRun(services, ctx.headers, threadId, { ...params, multitask_strategy: strategy });
      const { body, key } = keyed({ ...wanted, multitask_strategy: params.multitask_strategy });
      const answer = await upstreamFetch(services.upstream.url + ctx.url, {
        method: "POST",
        ...callersRequest(ctx.headers, services.upstream, asText({ ...given, params: body })),
      });
      const answered = await answer.text();
      const runId = runIdIn(answered);
      if (runId) services.snapshots.watch(runId, { threadId, caller: ctx.headers, key });
      created(runId);
      passBack(ctx, new UpstreamAnswer(answer.status, answered, Object.fromEntries(answer.headers)));
    } finally {
      created();
    }
  };
}

function runIdIn(answer: string): string | undefined {
  const result = asObject(answer)?.result;
  return isObject(result) && typeof result.run_id === "string" ? result.run_id : undefined;
}
