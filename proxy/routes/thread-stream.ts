import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Middleware } from "koa";
import { timeOf } from "../core/event-id.ts";
import type { Services } from "../services.ts";
import type { Frame } from "../sse/frames.ts";
import { addedModes, isAddition } from "../sse/modes.ts";
import { pipingFetch } from "../sse/pipe.ts";
import { ThreadSteps } from "../stepwise/thread-steps.ts";
import { everyRun } from "../stop/list-runs.ts";
import { isTerminal } from "../stop/settle.ts";
import { ageOf } from "../stop/snapshots.ts";
import { asCaller, clientFor, statusOf } from "../upstream.ts";
import { requireId } from "./ids.ts";

/**
 * `GET /threads/:thread_id/stream`: all that the thread's runs stream, without
 * what the proxy added to them; one that is driven step by step is shown as
 * one. A run's frames stand between its `metadata` and the one that says
 * `run_done`; what was added to it the run itself says, so any replica knows. A
 * stranger gets the server's own refusal to read the thread: some servers let
 * anybody join its stream. Of a run that a rollback has deleted nobody knows
 * any more: a replay shows it as it was.
 */
export function threadStream(services: Services): Middleware {
  return async function joinThread(ctx, next) {
    // It has no such route.
    if ((await services.server.kind(ctx.headers)) === "js") return void (await next());
    const threadId = requireId("thread_id", ctx.params.thread_id);
    const client = clientFor(ctx.headers, services.upstream);
    await asCaller(client.threads.get(threadId));
    if (ctx.res.destroyed) return;
    void services.snapshots.watchThread(ctx.headers, threadId);
    const gone = new AbortController();
    const onClose = () => gone.abort();
    ctx.res.once("close", onClose);
    const lastEventId = ctx.get("last-event-id") || undefined;
    const additions = new Additions(client, threadId, (run) => {
      if (!isTerminal(run)) services.snapshots.watch(ctx.headers, threadId, run.run_id, ageOf(run));
    });
    const steps = new ThreadSteps({
      follow: (runId) => services.stepwise.follow(ctx.headers, threadId, runId),
      send: (bytes) => void ctx.res.write(bytes),
    });
    const { fetch, wire } = pipingFetch({
      response: ctx.res,
      query: ctx.querystring,
      signal: gone.signal,
      async before(frames) {
        const underWay = await additions.learn(frames, lastEventId);
        if (underWay) steps.takeUpIn(underWay);
      },
      keep(frame) {
        const isAdded = additions.has(frame);
        return steps.keep(frame, additions.runOf(frame)) && !isAdded;
      },
      resumeAt: () => `/threads/${threadId}/stream`,
      onOpen: () => {
        ctx.respond = false;
      },
    });
    try {
      const piped = clientFor(ctx.headers, services.upstream, fetch);
      for await (const _part of piped.threads.joinStream(threadId, { lastEventId, signal: gone.signal })) {
        // Its bytes have gone to the client already.
      }
      ctx.res.end();
    } catch (error) {
      if (gone.signal.aborted) return;
      if (!wire.open) return await asCaller(Promise.reject(error));
      services.log.warn({ err: error, thread_id: threadId }, "thread stream broke off");
      ctx.res.destroy();
    } finally {
      steps.close();
      ctx.res.off("close", onClose);
    }
  };
}

/** Which frames are there only because of modes that the proxy added to their run. */
class Additions {
  #client: Pick<Client, "runs">;
  #threadId: string;
  #runs = new Map<string, Run | undefined>();
  /** Of the run whose frames are passing; undefined before the first is known. */
  #added?: string[];

  readonly #onRun: (run: Run) => void;

  /** `onRun` is told of each run whose frames pass. */
  constructor(client: Pick<Client, "runs">, threadId: string, onRun: (run: Run) => void) {
    this.#client = client;
    this.#threadId = threadId;
    this.#onRun = onRun;
  }

  /** Asks after the runs that these frames begin, and at first after the one that was under way at the event of this id: resolves to that. */
  async learn(frames: Frame[], lastEventId: string | undefined): Promise<Run | undefined> {
    const runIds = frames.flatMap((frame) => runIdOf(frame) ?? []);
    for (const runId of runIds) if (!this.#runs.has(runId)) this.#runs.set(runId, await this.#read(runId));
    if (this.#added || !frames.some(({ comment }) => !comment)) return undefined;
    const at = timeOf(lastEventId ?? "") ?? Date.now();
    const runs = await everyRun(this.#client, this.#threadId, ["run_id", "created_at"]);
    const latest = runs.findLast(({ created_at }) => Date.parse(created_at) <= at);
    const underWay = latest && (await this.#read(latest.run_id));
    this.#added = addedModes(underWay);
    return underWay;
  }

  /** To be asked of each frame in turn. */
  has(frame: Frame): boolean {
    const runId = runIdOf(frame);
    if (runId) this.#added = addedModes(this.#runs.get(runId));
    return isAddition(frame.event, this.#added ?? []);
  }

  /** The run that the frame begins, or ends; undefined if nobody knows of it any more. */
  runOf(frame: Frame): Run | undefined {
    return this.#runs.get(runIdOf(frame) ?? "");
  }

  async #read(runId: string): Promise<Run | undefined> {
    try {
      const run = await this.#client.runs.get(this.#threadId, runId);
      this.#onRun(run);
      return run;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }
}

/** The run that a `metadata` frame is about. */
function runIdOf({ event, bytes }: Frame): string | undefined {
  return event === "metadata" ? /"run_id": ?"([^"]+)"/.exec(bytes.toString("utf8"))?.[1] : undefined;
}
