import type { Context } from "koa";
import { UpstreamAnswer } from "../errors.ts";
import { asObject } from "../read-body.ts";
import type { Services } from "../services.ts";
import type { Creation } from "../stop/creation.ts";
import { Reading } from "../stop/reading.ts";
import { callerHeaders, upstreamFetch } from "../upstream.ts";
import { answerWhenOver } from "./when-over.ts";

/** `POST /threads/:thread_id/runs/wait` for a run that is driven step by step: the server would answer after the first step. */
export async function waitSteps(
  services: Services,
  ctx: Context,
  threadId: string,
  body: string,
  creation: Creation,
  onDisconnect: unknown,
): Promise<void> {
  const answer = await upstreamFetch(`${services.upstream.url}/threads/${threadId}/runs`, {
    method: "POST",
    headers: { ...callerHeaders(ctx.headers, services.upstream), "content-type": "application/json" },
    body,
  });
  const text = await answer.text();
  const runId = asObject(text)?.run_id;
  if (!answer.ok || typeof runId !== "string") {
    throw new UpstreamAnswer(answer.status, text, answer.headers);
  }
  creation.done(runId);
  const reading = new Reading(services, ctx, threadId, onDisconnect);
  reading.begin(runId);
  try {
    await answerWhenOver(services, ctx, threadId, runId, services.stepwise.begin(ctx.headers, threadId, runId));
  } finally {
    reading.end();
  }
}
