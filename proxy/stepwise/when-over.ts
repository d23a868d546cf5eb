import type { Context } from "koa";
import { isObject } from "../core/message.ts";
import type { Services } from "../services.ts";
import { readState } from "../stop/reconcile.ts";
import { clientFor } from "../upstream.ts";
import type { Drive } from "./drive.ts";
import { readChain } from "./read-chain.ts";

type Client = ReturnType<typeof clientFor>;

/** Answers with what a server answers to those who wait for a run's end: the thread's values, or the run's error. */
export async function answerWhenOver(
  { upstream }: Pick<Services, "upstream">,
  ctx: Context,
  threadId: string,
  runId: string,
  drive: Drive,
): Promise<void> {
  const ending = await drive.over;
  const client = clientFor(ctx.headers, upstream);
  const { values, tasks } = await readState(client, threadId);
  const error = ending === "over" ? await errorOf(client, threadId, runId) : undefined;
  const interrupts = tasks.flatMap((task) => task.interrupts ?? []);
  const paused = ending === "paused" && isObject(values) ? { ...values, __interrupt__: interrupts } : values;
  ctx.set("access-control-allow-origin", "*");
  ctx.set("content-location", `/threads/${threadId}/runs/${runId}`);
  ctx.type = "application/json";
  ctx.body = JSON.stringify(error === undefined ? paused : { __error__: error });
}

/** What the step says that failed, if one did. */
async function errorOf(client: Client, threadId: string, runId: string): Promise<unknown> {
  const last = (await readChain(client, threadId, runId))?.last;
  if (last?.status !== "error") return undefined;
  for await (const { event, data } of client.runs.joinStream(threadId, last.run_id, { lastEventId: "-1" })) {
    if (event === "error") return data;
  }
  return { error: "Error", message: `Run ${runId} failed.` };
}
