import type { Middleware } from "koa";
import { passBack } from "../answer-errors.ts";
import { callerOf } from "../credentials.ts";
import type { PassOn } from "../pass-on.ts";
import { asObject, readText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { startRun, startsRun } from "../stop/start-run.ts";
import { requireId } from "./ids.ts";

/**
 * `POST /threads/:thread_id/commands`: the v2 protocol. what starts a
 * run waits for a stop under way like any other run, and finds its thread
 * mended; all other commands are passed on.
 */
export function commands(services: Services, passOn: PassOn): Middleware {
  return async function command(ctx) {
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const text = await readText(ctx.req, services.settings.bodyLimit);
    const given = asObject(text);
    if (!startsRun(given)) {
      await services.threads.quiet(threadId, callerOf(ctx.headers));
      return void (await passOn(ctx, { body: text }));
    }
    const starter = { caller: ctx.headers, threadId, search: ctx.search, gone: () => ctx.res.destroyed };
    const started = await startRun(services, starter, given);
    if (started) passBack(ctx, await started.answer);
  };
}
