import type { Middleware } from "koa";
import { callerOf } from "../credentials.ts";
import type { PassOn } from "../pass-on.ts";
import { asObject, asText, readText } from "../read-body.ts";
import { toolModeOf } from "../server-kind.ts";
import type { Services } from "../services.ts";
import { stoppable } from "../sse/modes.ts";
import { firstStep, isStepwise } from "../stepwise/step-body.ts";
import { waitSteps } from "../stepwise/wait-steps.ts";
import { beforeRun, withStrategy } from "../stop/before-run.ts";
import { requireId } from "./ids.ts";
import { waitOnStream } from "./wait-on-stream.ts";

/**
 * `POST /threads/:thread_id/runs` and `…/runs/wait`: passed on, made stoppable.
 * A waiting client that hangs up with `on_disconnect: "cancel"` stops the run, text kept.
 */
export function runsCreate(services: Services, passOn: PassOn): Middleware {
  return async function createRun(ctx) {
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const isWait = ctx.path.endsWith("/wait");
    const text = await readText(ctx.req, services.settings.bodyLimit);
    const created = await services.threads.creating(threadId, callerOf(ctx.headers));
    try {
      if (ctx.res.destroyed) return;
      const wanted = withStrategy(asObject(text), services.settings.multitaskDefault);
      const asked = wanted && (await beforeRun(services, ctx.headers, threadId, wanted, created));
      const kind = await services.server.kind();
      const toolMode = toolModeOf(kind, services.settings);
      const { body: plain } = asked ? stoppable(asked, toolMode) : {};
      const inSteps = asked !== undefined && isStepwise(asked);
      const body = plain && inSteps ? firstStep(plain) : plain;
      if (body && asked && asked.on_disconnect === undefined) delete body.on_disconnect;
      if (body && inSteps && isWait) {
        return await waitSteps(services, ctx, threadId, asText(body), created, asked.on_disconnect);
      }
      let runId: string | undefined;
      let leave: ((runEnded: boolean) => void) | undefined;
      let close: (() => void) | undefined;
      const onRun = (contentLocation: string) => {
        runId = /\/runs\/([^/?]+)/.exec(contentLocation)?.[1];
        if (runId && isWait) leave = services.readers.join(runId);
        if (runId && isWait) close = services.threads.reading(threadId);
        created(runId);
        if (runId && inSteps) services.stepwise.begin(ctx.headers, threadId, runId);
        else if (runId) services.snapshots.watch(ctx.headers, threadId, runId);
        return runId;
      };
      const sent = body ? asText(body) : text;
      let answered = false;
      try {
        answered =
          isWait && body && kind === "js"
            ? await waitOnStream(services, ctx, { threadId, body: sent, onRun })
            : await passOn(ctx, {
                body: sent,
                onHeaders: (headers) => void onRun(String(headers["content-location"] ?? "")),
              });
      } finally {
        // However the wait ends, it has ended: a reader that stays would be waited for.
        leave?.(answered);
        if (isWait && answered && runId) services.snapshots.ended(runId);
        if (isWait && !answered && runId) services.hangUps.left(ctx.headers, threadId, runId, asked?.on_disconnect);
        close?.();
      }
    } finally {
      created();
    }
  };
}
