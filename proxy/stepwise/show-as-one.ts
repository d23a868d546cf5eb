import type { Run } from "@langchain/langgraph-sdk";
import type { Context, Middleware } from "koa";
import { passBack } from "../answer-errors.ts";
import { isObject } from "../core/message.ts";
import { upToDate } from "../core/thread-record.ts";
import { UpstreamAnswer } from "../errors.ts";
import { asObject, asText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { isTerminal } from "../stop/settle.ts";
import { callerHeaders, clientFor, upstreamFetch } from "../upstream.ts";
import { asSeen, isAlive } from "./as-seen.ts";
import { type Chain, chainOf, flagOf, latestChain } from "./chain.ts";
import { allRuns, readChain } from "./read-chain.ts";
import { firstOf } from "./step-body.ts";
import { answerWhenOver } from "./when-over.ts";

const paths = /^\/threads\/([0-9a-f-]{36})(?:\/runs\/([0-9a-f-]{36})(\/join)?)?$/i;

type Body = Record<string, unknown>;

/**
 * Shows a run that is driven step by step as the one run it is: its thread is
 * `busy` and the run `running` between two steps, too, and who waits for its
 * end waits for the last one. A thread whose record is out of date is shown as
 * its state has it. All else comes as the server sent it; a run that doesn't
 * say `stepwise` costs nothing, a thread a look at its state.
 *
 * Whoever looks at a run that nobody drives any more drives it on.
 */
export function showAsOne(services: Services): Middleware {
  return async function showSteps(ctx, next) {
    const [, threadId, runId, join] = paths.exec(ctx.path) ?? [];
    if (ctx.method !== "GET" || !threadId) return await next();
    const path = runId ? `/threads/${threadId}/runs/${runId}` : ctx.url;
    const [answer, text] = await read(services, ctx, path);
    const body = answer.ok ? asObject(text) : undefined;
    if (runId && join) {
      if (!isFirst(body)) return answer.ok ? await next() : back(ctx, answer, text);
      const drive = services.stepwise.follow(ctx.headers, threadId, runId);
      return await answerWhenOver(services, ctx, threadId, runId, drive);
    }
    const shown =
      body &&
      (runId ? await runShown(services, ctx, threadId, body) : await threadShown(services, ctx, threadId, body));
    back(ctx, answer, shown && shown !== body ? asText(shown) : text);
  };
}

async function read({ upstream }: Services, ctx: Context, path: string): Promise<[Response, string]> {
  const answer = await upstreamFetch(upstream.url + path, { headers: callerHeaders(ctx.headers, upstream) });
  return [answer, await answer.text()];
}

function back(ctx: Context, { status, headers }: Response, text: string): void {
  passBack(ctx, new UpstreamAnswer(status, text, headers));
}

const isFirst = (run: Body | undefined): boolean =>
  run !== undefined && isObject(run.metadata) && run.metadata.stepwise === true && firstOf(run as never) === run.run_id;

async function runShown(services: Services, ctx: Context, threadId: string, run: Body): Promise<Body> {
  // What waits for its first step is pending in any case.
  if (!isFirst(run) || run.status === "pending") return run;
  const client = clientFor(ctx.headers, services.upstream);
  const { status } = await asSeen(client, threadId, run as unknown as Run);
  const chain = status === "running" ? await readChain(client, threadId, String(run.run_id)) : undefined;
  if (chain) driveOn(services, ctx, threadId, chain);
  return { ...run, status };
}

async function threadShown(services: Services, ctx: Context, threadId: string, thread: Body): Promise<Body> {
  const client = clientFor(ctx.headers, services.upstream);
  let chain: Chain | undefined;
  if (thread.status === "interrupted") {
    chain = latestChain(await allRuns(client, threadId));
    if (chain && (await isAlive(client, threadId, chain))) {
      driveOn(services, ctx, threadId, chain);
      return { ...thread, status: "busy" };
    }
  } else if (thread.status === "busy") {
    chain = await leftBusy(client, threadId);
    if (!chain) return thread;
  } else if (thread.status !== "idle") return thread;
  const [answer, text] = await read(services, ctx, `/threads/${threadId}/state`);
  const head = answer.ok ? asObject(text) : undefined;
  const shown = head ? upToDate(thread, head) : thread;
  // Whoever should have seen to it has died.
  if (chain && shown !== thread) driveOn(services, ctx, threadId, chain);
  return shown;
}

/** The run whose thread is busy only because of a stop that nobody has carried out before it was over. */
async function leftBusy(client: ReturnType<typeof clientFor>, threadId: string): Promise<Chain | undefined> {
  const waiting = await client.runs.list(threadId, { status: "pending", limit: 100, select: ["run_id", "metadata"] });
  const [firstId] = waiting.flatMap((run) => flagOf(run) ?? []);
  const chain = firstId && chainOf(await allRuns(client, threadId), firstId);
  return chain && !chain.overtaken && !(await isAlive(client, threadId, chain)) ? chain : undefined;
}

/** It rests, or is over and something is left of it; if that goes on for long, nobody drives it. */
function driveOn({ stepwise }: Services, ctx: Context, threadId: string, { first, last }: Chain): void {
  if (isTerminal(last)) stepwise.follow(ctx.headers, threadId, first.run_id);
}
