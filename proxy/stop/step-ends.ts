import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { type BegunRun, endOfStep, hasReached } from "../core/superstep.ts";
import { ProxyError } from "../errors.ts";
import type { Services } from "../services.ts";
import { statusOf } from "../upstream.ts";
import { isTerminal } from "./settle.ts";

/** How often it is looked whether the step has ended, in milliseconds: at first, and after a while. */
const soonest = 50;
const latest = 250;

/** What waiting asks of the server. */
export interface StepClient {
  runs: Pick<Client["runs"], "get">;
  threads: Pick<Client["threads"], "getState">;
}

/**
 * Waits for steps to end. A new checkpoint of the run is the sign: it is there
 * as soon as any part of the stream that would tell, for every run, whatever
 * modes it streams. Nothing is held meanwhile.
 */
export class StepEnds {
  #services: Pick<Services, "stops" | "metrics">;
  #closing = new AbortController();

  constructor(services: Pick<Services, "stops" | "metrics">) {
    this.#services = services;
  }

  /** Who waits through this replica has to ask another. */
  close(): void {
    this.#closing.abort();
  }

  /**
   * Resolves when the step of the run that runs now has ended, or the run has,
   * by itself or because somebody stops it at once: to the run as it is then,
   * undefined if it is gone. However long it takes. Throws `ProxyError` 503
   * `closing` if this replica is closed first.
   */
  async ended(client: StepClient, threadId: string, run: Run): Promise<Run | undefined> {
    const { stops, metrics } = this.#services;
    const over = new AbortController();
    const unwatch = stops.watch(run.run_id, () => over.abort());
    const wake = AbortSignal.any([over.signal, this.#closing.signal]);
    let end = Number.POSITIVE_INFINITY;
    let counted = 0;
    try {
      for (let pause = soonest; ; pause = Math.min(pause * 1.1, latest)) {
        const now = await ifThere(client.runs.get(threadId, run.run_id));
        if (!now || isTerminal(now) || over.signal.aborted) return now;
        if (this.#closing.signal.aborted) throw closing(run.run_id);
        const head = await client.threads.getState(threadId);
        end = Math.min(end, endOfStep(head, now as BegunRun));
        if (hasReached(head, now as BegunRun, end)) return now;
        if (counted === 0) metrics.stepWaits.inc(++counted);
        await delay(pause, undefined, { signal: wake }).catch(() => "it is stopped, or this replica is closed");
      }
    } finally {
      metrics.stepWaits.dec(counted);
      unwatch();
    }
  }
}

function closing(runId: string): ProxyError {
  const message = `Run ${runId} goes on: this replica is closed before its step has ended. Ask again.`;
  return new ProxyError(503, "closing", message);
}

/** Undefined for what a rollback has deleted. */
export async function ifThere<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}
