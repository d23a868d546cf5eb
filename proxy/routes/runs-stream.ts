import type { Middleware } from "koa";
import { callerOf } from "../credentials.ts";
import { asObject, asText, readText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { askedModes, isAddition, stoppable, type ToolMode } from "../sse/modes.ts";
import { firstStep, isStepwise } from "../stepwise/step-body.ts";
import { streamSteps } from "../stepwise/stream-steps.ts";
import { type NewRun, withStrategy } from "../stop/before-run.ts";
import { Creation } from "../stop/creation.ts";
import { inTurn } from "../stop/in-turn.ts";
import { clientFor } from "../upstream.ts";
import { requireId } from "./ids.ts";
import { streamToClient } from "./stream-to-client.ts";

/** `POST /threads/:thread_id/runs/stream`: creates a run that can be stopped, and streams it as the server would. */
export function runsStream(services: Services): Middleware {
  return async function streamRun(ctx) {
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const text = await readText(ctx.req, services.settings.bodyLimit);
    const creation = await Creation.begin(services.threads, threadId, callerOf(ctx.headers));
    try {
      const wanted = withStrategy(asObject(text), services.settings.multitaskDefault);
      const kind = await services.server.kind(ctx.headers);
      const create = async (asked: NewRun | undefined, toolMode?: ToolMode) => {
        const { body, added } = asked ? stoppable(asked, toolMode) : { added: [] };
        if (asked && body && isStepwise(asked)) {
          return await streamSteps(services, ctx, {
            threadId,
            body: asText(firstStep(body, kind)),
            isAddition: ({ event }) => isAddition(event, added),
            wantsValues: askedModes(asked).includes("values"),
            onDisconnect: asked.on_disconnect,
            onRun(runId) {
              creation.done(runId);
              return services.stepwise.begin(ctx.headers, threadId, runId);
            },
          });
        }
        await streamToClient(services, ctx, {
          threadId,
          body: body ? asText(body) : text,
          query: ctx.querystring,
          keep: ({ event }) => !isAddition(event, added),
          wantsValues: askedModes(asked ?? {}).includes("values"),
          onDisconnect: asked?.on_disconnect,
          onRun(runId) {
            creation.done(runId);
            services.snapshots.watch(ctx.headers, threadId, runId);
          },
          stream: (fetch, signal) =>
            clientFor(ctx.headers, services.upstream, fetch).runs.stream(threadId, String(asked?.assistant_id), {
              signal,
            }),
        });
      };
      if (!wanted) return await create(undefined);
      await inTurn(services, ctx.headers, threadId, wanted, creation, (asked) =>
        services.server.withToolMode(ctx.headers, services.settings, (toolMode) => create(asked, toolMode)),
      );
    } finally {
      creation.done();
    }
  };
}
