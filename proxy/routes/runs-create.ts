import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Context, Middleware } from "koa";
import { passBack } from "../answer-errors.ts";
import { callerOf } from "../credentials.ts";
import { UpstreamAnswer } from "../errors.ts";
import { asObject, asText, readText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { stoppable } from "../sse/modes.ts";
import { copyHeaders } from "../sse/pipe.ts";
import { firstStep, isStepwise } from "../stepwise/step-body.ts";
import { waitSteps } from "../stepwise/wait-steps.ts";
import { type NewRun, withStrategy } from "../stop/before-run.ts";
import { Creation } from "../stop/creation.ts";
import { inTurn } from "../stop/in-turn.ts";
import { Reading } from "../stop/reading.ts";
import { callersRequest, upstreamFetch } from "../upstream.ts";
import { requireId } from "./ids.ts";
import { waitOnStream } from "./wait-on-stream.ts";

/**
 * `POST /threads/:thread_id/runs` and `…/runs/wait`: made stoppable. A waiting
 * client that hangs up with `on_disconnect: "cancel"` stops the run, text kept.
 */
export function runsCreate(services: Services): Middleware {
  return async function createRun(ctx) {
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const text = await readText(ctx.req, services.settings.bodyLimit);
    const creation = await Creation.begin(services.threads, threadId, callerOf(ctx.headers));
    try {
      if (ctx.res.destroyed) return;
      const wanted = withStrategy(asObject(text), services.settings.multitaskDefault);
      // What makes no sense is the server's to refuse.
      if (!wanted) return passBack(ctx, await whole(await open(services, ctx, ctx.path, text)));
      const create = (asked: NewRun) =>
        services.server.withToolMode(ctx.headers, services.settings, (toolMode) =>
          createStoppable(services, ctx, threadId, stoppable(asked, toolMode), asked, creation),
        );
      await inTurn(services, ctx.headers, threadId, wanted, creation, create);
    } finally {
      creation.done();
    }
  };
}

async function createStoppable(
  services: Services,
  ctx: Context,
  threadId: string,
  { body: plain }: ReturnType<typeof stoppable>,
  asked: NewRun,
  creation: Creation,
): Promise<void> {
  // It may have waited for its turn; who has left meanwhile has taken it back.
  if (ctx.res.destroyed) return;
  const isWait = ctx.path.endsWith("/wait");
  const kind = await services.server.kind(ctx.headers);
  const inSteps = isStepwise(asked);
  const body = inSteps ? firstStep(plain, kind) : plain;
  if (asked.on_disconnect === undefined) delete body.on_disconnect;
  if (inSteps && isWait) {
    return await waitSteps(services, ctx, threadId, asText(body), creation, asked.on_disconnect);
  }
  const reading = isWait ? new Reading(services, ctx, threadId, asked.on_disconnect) : undefined;
  let runId: string | undefined;
  try {
    const onStream = isWait && kind === "js";
    const path = onStream ? ctx.path.replace(/wait$/, "stream") : ctx.path;
    const answer = await open(services, ctx, path, asText(body));
    runId = /\/runs\/([^/?]+)/.exec(answer.headers.get("content-location") ?? "")?.[1];
    creation.done(runId);
    if (runId && inSteps) services.stepwise.begin(ctx.headers, threadId, runId);
    else if (runId) services.snapshots.watch(ctx.headers, threadId, runId);
    if (!reading) return passBack(ctx, await whole(answer));
    if (runId) reading.begin(runId);
    if (onStream) await waitOnStream(services, ctx, { threadId, runId: runId ?? "", answer, gone: reading.gone });
    else await passThrough(services, ctx, answer, reading.gone);
  } finally {
    // A wait that broke off says nothing of the run.
    if (runId && reading && ctx.res.writableEnded) services.snapshots.ended(runId);
    reading?.end();
  }
}

/** The server's answer, once it has begun; it isn't let go if the caller leaves before, who may mean Stop. Throws a refusal. */
async function open({ upstream }: Services, ctx: Context, path: string, body: string): Promise<Response> {
  const url = upstream.url + path + ctx.search;
  const answer = await upstreamFetch(url, { method: "POST", ...callersRequest(ctx.headers, upstream, body) });
  if (!answer.ok) throw await whole(answer);
  return answer;
}

async function whole(answer: Response): Promise<UpstreamAnswer> {
  return new UpstreamAnswer(answer.status, await answer.text(), answer.headers);
}

/** Gives the caller the answer as it comes, unless they have left. */
async function passThrough({ log }: Services, ctx: Context, answer: Response, gone: AbortSignal): Promise<void> {
  ctx.respond = false;
  copyHeaders(answer.headers, ctx.res, answer.status);
  try {
    await pipeline(Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]), ctx.res, { signal: gone });
  } catch (error) {
    if (!gone.aborted) log.warn({ err: error, path: ctx.path }, "wait broke off");
    ctx.res.destroy();
  }
}
