import { setTimeout as delay } from "node:timers/promises";
import type { Run } from "@langchain/langgraph-sdk";
import { ProxyError } from "../errors.ts";
import { readState } from "../stop/reconcile.ts";
import { isTerminal } from "../stop/settle.ts";
import { statusOf } from "../upstream.ts";
import { type Chain, stopsQueue } from "./chain.ts";
import type { DriveServices, Ending } from "./drive-services.ts";
import { finish, wasCancelled } from "./finish.ts";
import { flagsOf } from "./flags.ts";
import { readChain } from "./read-chain.ts";
import { standingIn } from "./standing.ts";
import { mostSteps, nextStep, templateOf } from "./step-body.ts";
import { StepList } from "./step-list.ts";
import { whenEnded } from "./when-ended.ts";

/** A chain that rests so long, in milliseconds, is driven by nobody; so is a stop that takes so long to be honoured. */
const restedEnough = 2000;
/** How often those look who don't drive themselves, in milliseconds. */
const pause = 200;
/** So long a server may fail before a drive gives up, in milliseconds; the next who asks for the run drives on. */
const patience = 20_000;

/**
 * One run that is driven step by step, as this replica sees it: it creates
 * each step, or, if it has only joined the run, follows whoever does, and takes
 * over where nobody does any more.
 *
 * No step is created while anything else is active on the thread: the server
 * refuses it. So a stop, which is a run in the thread's queue, can't be missed.
 */
export class Drive {
  #services: DriveServices;
  #threadId: string;
  #firstId: string;
  readonly steps: StepList;
  #drives: boolean;
  #restingSince?: number;
  /** Stops that were asked for of the whole thread, by their flags' ids. */
  #ofThread = new Set<string>();
  /** How many wait for the run's end, and have to know of such stops. */
  #waiting = 0;
  #cancelled = false;
  /** Resolves when the run is over, however it ended. */
  readonly over: Promise<Ending>;
  #hint = newHint();

  constructor(services: DriveServices, threadId: string, firstId: string, drives: boolean) {
    this.#services = services;
    this.#threadId = threadId;
    this.#firstId = firstId;
    this.steps = new StepList(firstId);
    this.#drives = drives;
    this.over = this.#run().finally(() => this.steps.end());
  }

  /** A reader has come to the end of what the step streams. */
  stepEnded(): void {
    this.#hint.open();
  }

  /**
   * Waits for the run's end, to have the next turn. Resolves to whether there
   * is none: the whole thread was stopped meanwhile, by others than `before`.
   */
  async wasStoppedBefore(before: Run[]): Promise<boolean> {
    this.#waiting += 1;
    try {
      await this.over;
    } finally {
      this.#waiting -= 1;
    }
    const known = new Set(before.map(({ run_id }) => run_id));
    return this.#cancelled || [...this.#ofThread].some((id) => !known.has(id));
  }

  async #run(): Promise<Ending> {
    let failingSince: number | undefined;
    let known: Chain | undefined;
    for (;;) {
      try {
        const next = await this.#goOn(known);
        if (typeof next === "string") return next;
        known = next;
        failingSince = undefined;
      } catch (error) {
        if (this.#services.signal.aborted) throw closing(this.#firstId);
        const status = statusOf(error) ?? 502;
        failingSince ??= Date.now();
        if (status < 500 || Date.now() > failingSince + patience) throw error;
        known = undefined;
        await this.#wait();
      }
    }
  }

  /** One look, and what follows from it: the chain as it then is, as far as it is known, or where the run has come to. */
  async #goOn(known: Chain | undefined): Promise<Chain | Ending | undefined> {
    const { client } = this.#services;
    const chain = known ?? (await readChain(client, this.#threadId, this.#firstId));
    if (!chain) return "stopped";
    this.steps.publish(chain.steps.map(({ run_id }) => run_id));
    if (!isTerminal(chain.last)) return await this.#stepOf(chain);
    const state = await readState(client, this.#threadId);
    const standing = await standingIn(client, this.#threadId, chain, state);
    // Another replica may have gone on from there.
    if (known && standing !== "resting") return undefined;
    // Looked for last: whoever raises one later waits until the next step is begun, or refused.
    const flags = await this.#flags();
    if (standing !== "resting") {
      this.#cancelled = wasCancelled(chain);
      const mayTidy = () => this.#drives || this.#hasRested();
      const left = { standing, state, flags, mayTidy };
      return (await finish(this.#services, this.#threadId, chain, left)) ?? (await this.#wait());
    }
    if (flags.length > 0) return await this.#letStop(chain);
    if (chain.steps.length >= mostSteps(templateOf(chain.first))) {
      await this.#services.honour(chain);
      return undefined;
    }
    if (!this.#drives && !this.#hasRested()) return await this.#wait();
    return await this.#create(chain);
  }

  /** Waits for the end of the step that runs. */
  async #stepOf(chain: Chain): Promise<Chain | Ending | undefined> {
    const { client, signal, isAbandoned } = this.#services;
    const each = async () => {
      if (this.#waiting > 0) await this.#flags();
    };
    const watch = { signal, each, isAbandoned, hint: this.#hint.opened };
    const last = await whenEnded(client, this.#threadId, chain.last.run_id, watch);
    this.#hint = newHint();
    this.#restingSince = undefined;
    // It is dealt with when it is stopped, or before the next message.
    if (!isTerminal(last)) return "over";
    // Another's next step would have to be found.
    return this.#drives ? { ...chain, steps: [...chain.steps.slice(0, -1), last], last } : undefined;
  }

  async #flags(): Promise<Run[]> {
    const flags = await flagsOf(this.#services.client, this.#threadId, this.#firstId);
    for (const flag of flags) if (stopsQueue(flag)) this.#ofThread.add(flag.run_id);
    return flags;
  }

  async #create(chain: Chain): Promise<Chain | undefined> {
    try {
      const runId = await this.#services.create(nextStep(templateOf(chain.first), this.#firstId));
      this.#drives = true;
      const created_at = new Date().toISOString();
      const last = { ...chain.last, run_id: runId, status: "pending", created_at } as Run;
      return { ...chain, steps: [...chain.steps, last], last };
    } catch (error) {
      // Something else is active: a stop, or a step that another replica has created.
      if (![409, 422].includes(statusOf(error) ?? 0)) throw error;
      const now = await readChain(this.#services.client, this.#threadId, this.#firstId);
      if (now && now.steps.length > chain.steps.length) return now;
      return await this.#wait();
    }
  }

  /** Somebody is about to honour the stop; if he has died, we do. */
  async #letStop(chain: Chain): Promise<undefined> {
    if (this.#hasRested()) await this.#services.honour(chain);
    else await this.#wait();
  }

  #hasRested(): boolean {
    this.#restingSince ??= Date.now();
    return Date.now() - this.#restingSince >= restedEnough;
  }

  async #wait(): Promise<undefined> {
    await delay(pause, undefined, { signal: this.#services.signal });
  }
}

function closing(runId: string): ProxyError {
  return new ProxyError(503, "closing", `Run ${runId} goes on: this replica is closed before its end. Ask again.`);
}

function newHint(): { opened: Promise<void>; open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
