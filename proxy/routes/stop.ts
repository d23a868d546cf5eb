import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Middleware } from "koa";
import { z } from "zod";
import { ProxyError } from "../errors.ts";
import { firstLookFetch, insistentFetch } from "../insist.ts";
import { asObject, readText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { activeAsSeen, asSeen, restingAmong } from "../stepwise/as-seen.ts";
import { flagOf } from "../stepwise/chain.ts";
import { cancelQueued } from "../stop/cancel-queued.ts";
import { activeRuns } from "../stop/reconcile.ts";
import { RollbackRefused } from "../stop/rollback-refused.ts";
import { isTerminal } from "../stop/settle.ts";
import type { Outcome, StopResult } from "../stop/stop-run.ts";
import { asCaller, clientFor } from "../upstream.ts";
import { requireId, uuid } from "./ids.ts";

/** The body of a stop, in bytes at most. */
const bodyLimit = 64 * 1024;

const schema = z.strictObject({
  action: z.enum(["interrupt", "rollback"]).default("interrupt"),
  keep: z.enum(["partial", "nothing"]).default("partial"),
  when: z.literal("now").default("now"),
  run_id: z.string().regex(uuid, "must be a UUID").optional(),
});

type Wish = z.infer<typeof schema>;

/** What `POST /threads/:thread_id/stop` answers. */
interface StopAnswer {
  thread_id: string;
  /** `idle`: nothing ran, and nothing was stopped before. */
  outcome: Outcome | "idle";
  run_ids: string[];
  kept: StopResult["kept"];
  tool_calls: StopResult["tool_calls"];
  input?: unknown;
}

/** `POST /threads/:thread_id/stop`: stops whatever runs on the thread, without a run id. */
export function stopThread(services: Services): Middleware {
  return async function stop(ctx) {
    const arrivedAt = performance.now();
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const wish = parseWish(await readText(ctx.req, bodyLimit));
    await services.threads.stopping(threadId, async () => {
      await asCaller(clientFor(ctx.headers, services.upstream, firstLookFetch()).threads.get(threadId));
      await services.threads.created(threadId);
      const client = clientFor(ctx.headers, services.upstream, insistentFetch());
      ctx.set("access-control-allow-origin", "*");
      ctx.body = await asCaller(carryOut(services, client, threadId, wish, arrivedAt));
    });
  };
}

/** An empty body is an empty wish; anything else names the field that is wrong. */
function parseWish(text: string): Wish {
  const body = text.trim() === "" ? {} : asObject(text);
  if (!body) throw new ProxyError(400, "bad_request", "The body must be a JSON object.", { field: "body" });
  const { data, error } = schema.safeParse(body);
  if (data) return data;
  const [issue] = error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const field = unknown ?? issue?.path.join(".") ?? "body";
  const message = unknown ? `${field} is not a field of a stop.` : `${field}: ${issue?.message}`;
  throw new ProxyError(400, "bad_request", message, { field });
}

async function carryOut(
  services: Services,
  client: Client,
  threadId: string,
  wish: Wish,
  arrivedAt: number,
): Promise<StopAnswer> {
  const last = services.stops.lastOn(threadId);
  if (wish.run_id && last?.run.run_id === wish.run_id) return combine(threadId, [last.run], [last.result]);
  const active = async () => await activeAsSeen(client, threadId, await activeRuns(client, threadId));
  let runs = wish.run_id
    ? [await asSeen(client, threadId, await client.runs.get(threadId, wish.run_id))]
    : await active();
  if (runs.length === 0 && (await services.threads.admitTogether(threadId, arrivedAt))) {
    await services.threads.created(threadId);
    runs = await active();
  }
  if (runs.length === 0) return await nothingRuns(services, client, threadId);
  await cancelQueued(client, threadId, runs);
  const results: StopResult[] = [];
  let refused: RollbackRefused | undefined;
  for (const run of runs) {
    if (isTerminal(run) && run.status !== "interrupted") {
      results.push({ outcome: "finished", kept: [], tool_calls: [], values: undefined });
      continue;
    }
    // A run that was cut before is only looked after, never undone.
    const stop = services.stops.asked(run.run_id, isTerminal(run) ? "interrupt" : wish.action, wish.keep);
    try {
      results.push(await services.stops.stop(client, threadId, run, stop));
    } catch (error) {
      if (!(error instanceof RollbackRefused)) throw error;
      refused = error;
      results.push(error.result);
    }
  }
  const answer = combine(threadId, runs, results);
  if (refused) throw refused.saying(answer);
  return answer;
}

/** Asked again after a stop, it answers as it did; otherwise the thread is idle. */
async function nothingRuns(services: Services, client: Client, threadId: string): Promise<StopAnswer> {
  const last = services.stops.lastOn(threadId);
  const all = await client.runs.list(threadId, { limit: 100 });
  const runs = all.filter((run) => !flagOf(run));
  const latest = runs.sort((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at)).at(-1);
  const [resting] = await restingAmong(client, threadId, all);
  if (resting) {
    const result = await services.stops.stop(client, threadId, resting, services.stops.asked(resting.run_id));
    return combine(threadId, [resting], [result]);
  }
  if (last && (!latest || Date.parse(latest.created_at) <= Date.parse(last.run.created_at))) {
    return combine(threadId, [last.run], [last.result]);
  }
  if (latest?.status !== "interrupted") return { ...combine(threadId, [], []), outcome: "idle" };
  const result = await services.stops.stop(client, threadId, latest, services.stops.asked(latest.run_id));
  return combine(threadId, [latest], [result]);
}

function combine(threadId: string, runs: Pick<Run, "run_id">[], results: StopResult[]): StopAnswer {
  const outcomes = results.map(({ outcome }) => outcome);
  const input = results.find((result) => "input" in result)?.input;
  return {
    thread_id: threadId,
    outcome:
      outcomes.find((outcome) => outcome === "superseded") ??
      outcomes.find((outcome) => outcome === "stopped") ??
      "finished",
    run_ids: runs.map(({ run_id }) => run_id),
    kept: results.flatMap(({ kept }) => kept),
    tool_calls: results.flatMap(({ tool_calls }) => tool_calls),
    ...(input === undefined ? {} : { input }),
  };
}
