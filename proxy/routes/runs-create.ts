import type { Middleware } from "koa";
import type { PassOn } from "../pass-on.ts";
import { asObject, asText, readText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { stoppable } from "../sse/modes.ts";
import { beforeRun } from "../stop/before-run.ts";
import { clientFor } from "../upstream.ts";
import { requireId } from "./ids.ts";

/**
 * `POST /threads/:thread_id/runs` and `…/runs/wait`: passed on, made stoppable.
 * A waiting client that hangs up with `on_disconnect: "cancel"` stops the run, text kept.
 */
export function runsCreate(services: Services, passOn: PassOn): Middleware {
  return async function createRun(ctx) {
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const text = await readText(ctx.req, services.settings.bodyLimit);
    const created = await services.threads.creating(threadId);
    try {
      if (ctx.res.destroyed) return;
      const asked = asObject(text);
      if (asked) await beforeRun(services, ctx.headers, threadId, asked);
      const takesTools = (await services.server.kind()) === "js";
      const body = asked ? stoppable(asked, takesTools).body : undefined;
      if (body && asked && asked.on_disconnect === undefined) delete body.on_disconnect;
      let runId: string | undefined;
      const answered = await passOn(ctx, {
        body: body ? asText(body) : text,
        onHeaders(headers) {
          runId = /\/runs\/([^/?]+)/.exec(String(headers["content-location"] ?? ""))?.[1];
          created(runId);
        },
      });
      if (answered || asked?.on_disconnect !== "cancel" || !runId) return;
      services.stops.stopAfterHangUp(clientFor(ctx.headers, services.upstream), threadId, runId);
    } finally {
      created();
    }
  };
}
