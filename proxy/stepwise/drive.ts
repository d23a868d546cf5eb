import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import type { State } from "../core/cut.ts";
import type { RunBody } from "../sse/modes.ts";
import { readState } from "../stop/reconcile.ts";
import { isTerminal } from "../stop/settle.ts";
import { statusOf } from "../upstream.ts";
import type { Chain } from "./chain.ts";
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

/** How a run has ended: `over` by itself. */
export type Ending = "over" | "paused" | "stopped";

/** What driving needs; all in the name of whoever asked for it. */
export interface DriveServices {
  client: Client;
  /** Creates a run with this body; throws the server's refusal as the SDK would. */
  create: (body: RunBody) => Promise<string>;
  /** Honours the stop that somebody has asked for, at the boundary where the chain rests. */
  honour: (chain: Chain) => Promise<void>;
  /** The run is over; the server may call its thread `interrupted` all the same. */
  tidy: (first: Run) => Promise<void>;
  signal: AbortSignal;
}

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
  /** A stop was asked for. */
  #flagged = false;
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
        const status = statusOf(error) ?? 502;
        failingSince ??= Date.now();
        if (this.#services.signal.aborted || status < 500 || Date.now() > failingSince + patience) throw error;
        known = undefined;
        await this.#wait();
      }
    }
  }

  /** One look, and what follows from it: the chain as it then is, as far as it is known, or where the run has come to. */
  async #goOn(known: Chain | undefined): Promise<Chain | Ending | undefined> {
    const { client } = this.#services;
    const chain = known ?? (await readChain(client, this.#threadId, this.#firstId));
    if (!chain) return "over";
    this.steps.publish(chain.steps.map(({ run_id }) => run_id));
    if (!isTerminal(chain.last)) {
      const { signal } = this.#services;
      await whenEnded(client, this.#threadId, chain.last.run_id, { signal, hint: this.#hint.opened });
      this.#hint = newHint();
      this.#restingSince = undefined;
      // Read anew: a stop that was asked for meanwhile may have been lowered by the time that a step is created.
      return undefined;
    }
    const state = await readState(client, this.#threadId);
    const standing = await standingIn(client, this.#threadId, chain, state);
    if (standing !== "resting") {
      if (this.#flagged && standing === "over") return "stopped";
      if (isDone(chain, state) && this.#drives) await this.#services.tidy(chain.first);
      return standing;
    }
    if (chain.flags.length > 0) return await this.#letStop(chain);
    if (chain.steps.length >= mostSteps(templateOf(chain.first))) {
      this.#flagged = true;
      await this.#services.honour(chain);
      return undefined;
    }
    if (!this.#drives && !this.#hasRested()) {
      await this.#wait();
      return undefined;
    }
    return await this.#create(chain);
  }

  async #create(chain: Chain): Promise<Chain | undefined> {
    const before = chain.steps.length;
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
      if (now && now.flags.length > 0) this.#flagged = true;
      if (!now || now.flags.length > 0 || now.steps.length > before) return now;
      await this.#wait();
      return undefined;
    }
  }

  /** Somebody is about to honour the stop; if he has died, we do. */
  async #letStop(chain: Chain): Promise<undefined> {
    this.#flagged = true;
    if (this.#hasRested()) await this.#services.honour(chain);
    else await this.#wait();
  }

  #hasRested(): boolean {
    this.#restingSince ??= Date.now();
    return Date.now() - this.#restingSince >= restedEnough;
  }

  async #wait(): Promise<void> {
    await delay(pause, undefined, { signal: this.#services.signal });
  }
}

function newHint(): { opened: Promise<void>; open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** It has come to its end, and nobody has written since. */
const isDone = ({ last, overtaken }: Chain, { next, metadata }: State): boolean =>
  last.status === "success" && !overtaken && next.length === 0 && metadata?.source === "loop";
