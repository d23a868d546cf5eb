import type { Client, Run } from "@langchain/langgraph-sdk";
import type { Action, Keep, Stop } from "../core/cut.ts";
import type { Services } from "../services.ts";
import { firstOf } from "../stepwise/step-body.ts";
import { stopChain } from "../stepwise/stop-chain.ts";
import { isRefusal } from "./refusals.ts";
import { remember } from "./remember.ts";
import { RollbackRefused, resultOfRefused } from "./rollback-refused.ts";
import { type StopResult, stopRun } from "./stop-run.ts";

type Needed = Pick<Services, "threads" | "readers" | "snapshots" | "server" | "metrics" | "settings">;

/** The last stop that this replica carried out on a thread. */
export interface Remembered {
  run: Pick<Run, "run_id" | "created_at">;
  result: StopResult;
  /** This run and those stopped before it, oldest first, as far as nobody had read the thread in between through this replica. */
  turns: StoppedTurn[];
}

interface StoppedTurn extends Pick<Run, "run_id" | "created_at"> {
  /** When its stop began, in milliseconds since 1970; reads wait for its end from then on. */
  stoppedAt: number;
}

/** Of so many threads the last stop is remembered, for those who ask again. */
const mostRemembered = 1000;

/** One stop at a time for a run: whoever asks meanwhile, or again, gets the first one's answer. */
export class Stops {
  #services: Needed;
  #running = new Map<string, Promise<StopResult>>();
  #retiring = new AbortController();
  #last = new Map<string, Remembered>();
  #watchers = new Map<string, Set<(stop: Promise<StopResult>) => void>>();

  /** The key that the conversation has in most graphs' state. */
  readonly preferredKey: string;

  constructor(services: Needed) {
    this.#services = services;
    this.preferredKey = services.settings.messagesKey;
  }

  /** A stop as the user asks for it, at this moment. */
  asked(runId: string, action: Action = "interrupt", keep: Keep = "partial"): Stop {
    return { runId, action, keep, reason: "user", at: new Date().toISOString(), preferredKey: this.preferredKey };
  }

  /** Stops the run in the caller's name, who has read it as `run`; nobody gets an answer without having read it. */
  stop(client: Client, threadId: string, run: Run, stop: Stop): Promise<StopResult> {
    const running = this.#running.get(stop.runId);
    if (running) return running.catch((error: unknown) => this.#besides(error, client, threadId, run, stop));
    const began = Date.now();
    const stopping = this.#measured(this.#carryOut(client, threadId, run, stop))
      .then((result) => this.#noted(threadId, stop.runId, run, result, began))
      .catch((error: unknown) => {
        const result = resultOfRefused(error);
        if (result) this.#noted(threadId, stop.runId, run, result, began);
        throw error;
      })
      .finally(() => this.#running.delete(stop.runId));
    this.#running.set(stop.runId, stopping);
    for (const onStop of this.#watchers.get(stop.runId) ?? []) onStop(stopping);
    return stopping;
  }

  /** Whoever asks beside one who was refused tries for themselves; any other failure would be theirs, too. */
  async #besides(error: unknown, ...asked: Parameters<Stops["stop"]>): Promise<StopResult> {
    const isRefused = isRefusal(error) || (error instanceof RollbackRefused && error.code === "rollback_refused");
    if (!isRefused) throw error;
    return await this.stop(...asked);
  }

  /** A run that is driven step by step ends between two steps; the thread is held only then. */
  #carryOut(client: Client, threadId: string, run: Run, stop: Stop): Promise<StopResult> {
    const services = this.#services;
    const { signal } = this.#retiring;
    if (run.status === "running" && firstOf(run)) return stopChain(client, services, threadId, run, stop, signal);
    return services.threads.stopping(threadId, () => stopRun(client, services, threadId, run, stop));
  }

  /** Whoever waits for the end of a step is to ask another replica. */
  retire(): void {
    this.#retiring.abort();
  }

  /** Whether a stop of the run is under way here. */
  isUnderWay(runId: string): boolean {
    return this.#running.has(runId);
  }

  /** Tells of a stop of the run, the one under way or one to come; returns what ends the telling. */
  watch(runId: string, onStop: (stop: Promise<StopResult>) => void): () => void {
    const watchers = this.#watchers.get(runId) ?? new Set();
    this.#watchers.set(runId, watchers.add(onStop));
    const running = this.#running.get(runId);
    if (running) onStop(running);
    return () => {
      watchers.delete(onStop);
      if (watchers.size === 0) this.#watchers.delete(runId);
    };
  }

  /** The last stop on the thread, if this replica made it: a rollback leaves no run that could tell. */
  lastOn(threadId: string): Remembered | undefined {
    return this.#last.get(threadId);
  }

  async #measured(stopping: Promise<StopResult>): Promise<StopResult> {
    const { stops, stopSeconds } = this.#services.metrics;
    const end = stopSeconds.startTimer();
    let outcome = "failed";
    try {
      const result = await stopping;
      outcome = result.outcome;
      return result;
    } finally {
      stops.inc({ outcome });
      end();
    }
  }

  /** The turns that were stopped here, oldest first, since anybody has read the thread through this replica. */
  unreadOn(threadId: string): StoppedTurn[] {
    const { readers } = this.#services;
    const turns = this.#last.get(threadId)?.turns ?? [];
    return turns.filter(({ stoppedAt }) => !readers.haveReadSince(threadId, stoppedAt));
  }

  #noted(threadId: string, run_id: string, { created_at }: Run, result: StopResult, stoppedAt: number): StopResult {
    if (result.outcome === "finished") this.#services.readers.stoppedTooLate(run_id);
    if (result.outcome !== "stopped") return result;
    const turns = [...this.unreadOn(threadId), { run_id, created_at, stoppedAt }];
    // Without the run's input and the thread's values, which may be large.
    const remembered = { run: { run_id, created_at }, result: { ...result, values: undefined }, turns };
    remember(this.#last, threadId, remembered, mostRemembered);
    return result;
  }
}
