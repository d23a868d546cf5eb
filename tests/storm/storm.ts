import { setTimeout as delay } from "node:timers/promises";
import type { Shape } from "../helpers/shapes.ts";
import type { StrictModel } from "../helpers/strict-model.ts";
import { improviseOn } from "./improvise.ts";
import { oneStop } from "./one-stop.ts";
import type { Ends } from "./talk.ts";

export interface StormOptions extends Ends {
  model: StrictModel;
  shapes: Shape[];
  /** So many runs are to be cut; pressed when nothing runs any more, a Stop is looked at and doesn't count. */
  stops: number;
  seed: string;
  /** The server tells of every tool that starts and ends, and resumes a stream exactly where it broke. */
  exact: boolean;
  /** How many replicas have died so far. */
  deaths?: () => number;
  /** Called with each stop that went wrong. */
  report: (line: string) => void;
}

/** So many stops lost text, left a thread that can't go on, or left something that is not so. */
export interface Tally {
  lost: number;
  wedged: number;
  dirty: number;
  /** How the stops ended. */
  outcomes: Record<string, number>;
}

/** How long one stop and what belongs to it may take, in milliseconds. */
const patience = 45_000;

/** How far one stop has come, and how long each step of it took. */
export class Progress {
  label = "";
  threadId?: string;
  #steps: { step: string; since: number }[] = [];

  at(step: string): void {
    this.#steps.push({ step, since: performance.now() });
  }

  toString(): string {
    const took = this.#steps.map(({ step, since }, nth) => {
      const until = this.#steps[nth + 1]?.since ?? performance.now();
      return `${step} ${((until - since) / 1000).toFixed(1)} s`;
    });
    return `${this.label}: ${took.join(", ")}`;
  }
}

async function runsOf({ direct }: StormOptions, { threadId }: Progress): Promise<string> {
  if (!threadId) return "no thread";
  const runs = await direct.runs.list(threadId, { limit: 100 });
  return runs.map(({ created_at, status, updated_at }) => `${status} ${created_at} to ${updated_at}`).join(", ");
}

/** One stop; false if there was nothing to cut. */
async function isCut(options: StormOptions, prompt: string, tally: Tally): Promise<boolean> {
  const progress = new Progress();
  const late = delay(patience, "late" as const, { ref: false });
  const one = oneStop(options, prompt, tally, progress).catch((error: unknown) => {
    tally.wedged += 1;
    options.report(`WEDGED ${progress}: ${error}`);
    return true;
  });
  const cut = await Promise.race([one, late]);
  if (cut !== "late") return cut;
  tally.wedged += 1;
  options.report(`WEDGED ${progress}: nothing for ${patience / 1000} s; ${await runsOf(options, progress)}`);
  return true;
}

/** Stops random runs at random moments, four at a time, and looks at what is left. */
export async function storm(options: StormOptions): Promise<Tally> {
  improviseOn(options.model);
  const tally: Tally = { lost: 0, wedged: 0, dirty: 0, outcomes: {} };
  let next = 0;
  let toBeCut = options.stops;
  const worker = async () => {
    while (toBeCut > 0) {
      toBeCut -= 1;
      if (!(await isCut(options, `storm ${options.seed}.${next++}`, tally))) toBeCut += 1;
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  return tally;
}
