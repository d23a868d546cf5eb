import type { Run, Thread } from "@langchain/langgraph-sdk";
import type { Context, Middleware } from "koa";
import { passBack } from "../answer-errors.ts";
import { isObject } from "../core/message.ts";
import { UpstreamAnswer } from "../errors.ts";
import { asObject, asText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { isTerminal } from "../stop/settle.ts";
import { callerHeaders, clientFor, upstreamFetch } from "../upstream.ts";
import { asSeen, isAlive } from "./as-seen.ts";
import type { Chain } from "./chain.ts";
import { chainOn, readChain } from "./read-chain.ts";
import { firstOf } from "./step-body.ts";
import { answerWhenOver } from "./when-over.ts";

const paths = /^\/threads\/([0-9a-f-]{36})(?:\/runs\/([0-9a-f-]{36})(\/join)?)?$/i;

/**
 * Shows a run that is driven step by step as the one run it is: its thread is
 * `busy` and the run `running` between two steps, too, and who waits for its
 * end waits for the last one. All else comes as the server sent it; a thread
 * that isn't interrupted, and a run that doesn't say `stepwise`, cost nothing.
 *
 * Whoever looks at a run that nobody drives any more drives it on.
 */
export function showAsOne(services: Services): Middleware {
  return async function showSteps(ctx, next) {
    const [, threadId, runId, join] = paths.exec(ctx.path) ?? [];
    if (ctx.method !== "GET" || !threadId) return await next();
    const path = runId ? `/threads/${threadId}/runs/${runId}` : ctx.url;
    const answer = await upstreamFetch(services.upstream.url + path, {
      headers: callerHeaders(ctx.headers, services.upstream),
    });
    const text = await answer.text();
    const body = answer.ok ? asObject(text) : undefined;
    if (runId && join) {
      if (!isFirst(body)) return answer.ok ? await next() : back(ctx, answer, text);
      const drive = services.stepwise.follow(ctx.headers, threadId, runId);
      return await answerWhenOver(services, ctx, threadId, runId, drive);
    }
    const status =
      body &&
      (runId ? await runStatus(services, ctx, threadId, body) : await threadStatus(services, ctx, threadId, body));
    back(ctx, answer, body && status ? asText({ ...body, status }) : text);
  };
}

function back(ctx: Context, { status, headers }: Response, text: string): void {
  passBack(ctx, new UpstreamAnswer(status, text, headers));
}

const isFirst = (run: Record<string, unknown> | undefined): boolean =>
  run !== undefined && isObject(run.metadata) && run.metadata.stepwise === true && firstOf(run as never) === run.run_id;

async function runStatus(services: Services, ctx: Context, threadId: string, run: Record<string, unknown>) {
  if (!isFirst(run)) return undefined;
  const client = clientFor(ctx.headers, services.upstream);
  const { status } = await asSeen(client, threadId, run as unknown as Run);
  const chain = status === "running" ? await readChain(client, threadId, String(run.run_id)) : undefined;
  if (chain) driveOn(services, ctx, threadId, chain);
  return status;
}

async function threadStatus(services: Services, ctx: Context, threadId: string, thread: Record<string, unknown>) {
  if ((thread.status as Thread["status"]) !== "interrupted") return undefined;
  const client = clientFor(ctx.headers, services.upstream);
  const chain = await chainOn(client, threadId);
  if (!chain || !(await isAlive(client, threadId, chain))) return undefined;
  driveOn(services, ctx, threadId, chain);
  return "busy";
}

/** It rests; if it does so for long, nobody drives it. */
function driveOn({ stepwise }: Services, ctx: Context, threadId: string, { first, last }: Chain): void {
  if (isTerminal(last)) stepwise.follow(ctx.headers, threadId, first.run_id);
}
