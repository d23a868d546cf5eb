import type { Run } from "@langchain/langgraph-sdk";
import { isObject } from "../core/message.ts";
import { onHead } from "../core/named-checkpoint.ts";
import { ProxyError } from "../errors.ts";
import type { ServerKind } from "../server-kind.ts";
import { carriedStep, type RunBody, withStep } from "../sse/modes.ts";

/** What a step's run carries: the first one what the others are to be created with, the others which is the first. */
export type Step = { template: RunBody } | { first: string };

/** Where the graph is to pause on its creator's behalf. */
export interface Breakpoints {
  before: "*" | string[];
  after: "*" | string[];
}

/**
 * Whether the run is to be driven one superstep at a time. Who pauses after
 * every step already, drives it himself.
 */
export function isStepwise({ metadata, interrupt_after, interrupt_before }: RunBody): boolean {
  if (!isObject(metadata) || metadata.stepwise !== true) return false;
  return breakpoint(interrupt_after) !== "*" && breakpoint(interrupt_before) !== "*";
}

/** For whoever asks for it where it can't be had, and would take the run for one that is never cut in a step. */
export function notDriven(): ProxyError {
  const message =
    "metadata.stepwise: only runs that are created by POST /threads/:thread_id/runs, …/runs/stream or …/runs/wait are driven step by step.";
  return new ProxyError(400, "bad_request", message, { field: "metadata" });
}

/**
 * The body of the first run, which pauses after one superstep and says how to
 * go on. A Python server takes no `configurable` beside a `context`; nor has it
 * to be told to begin at the head.
 */
export function firstStep(body: RunBody, kind: ServerKind | undefined): RunBody {
  const { input, command, checkpoint, checkpoint_id, multitask_strategy, after_seconds, if_not_exists, ...rest } = body;
  const bare = withStep(withoutCheckpoint(rest), undefined);
  const template: RunBody = kind !== "js" && isObject(body.context) ? bare : onHead(bare);
  return withStep({ ...body, interrupt_after: "*" }, { template } satisfies Step);
}

/** The body of every other one. The server itself refuses it while anything else is active on the thread. */
export function nextStep(template: RunBody, first: string): RunBody {
  const { interrupt_before, ...rest } = template;
  const body = {
    ...rest,
    input: null,
    interrupt_after: "*",
    multitask_strategy: "reject",
    on_disconnect: "continue",
  };
  return withStep(body, { first } satisfies Step);
}

/** What the run carries, if it is a step; undefined for any other run, and for one that merely inherited it. */
export function stepOf(run: object): Step | undefined {
  const { kwargs } = run as { kwargs?: unknown };
  if (!isObject(kwargs) || breakpoint(kwargs.interrupt_after) !== "*") return undefined;
  const step = carriedStep(kwargs);
  if (!isObject(step)) return undefined;
  if (typeof step.first === "string") return { first: step.first };
  return isObject(step.template) ? { template: step.template } : undefined;
}

/** What the run that began the chain was asked for, and every further step with it. */
export function templateOf(first: object): RunBody {
  const step = stepOf(first);
  return step && "template" in step ? step.template : {};
}

/** So many steps a run has that names no limit; a graph that never ends is stopped there. */
const usualLimit = 500;

/** After how many steps the run is stopped: where it would fail if its server ran it in one go. */
export function mostSteps({ config }: RunBody): number {
  const limit = isObject(config) ? Number(config.recursion_limit ?? usualLimit) : usualLimit;
  return limit > 0 ? limit : usualLimit;
}

/** The id of the run that the client knows, if this is one of its steps. */
export function firstOf(run: Pick<Run, "run_id">): string | undefined {
  const step = stepOf(run);
  if (!step) return undefined;
  return "first" in step ? step.first : run.run_id;
}

/** Where the creator of the run wants it to pause. */
export function breakpointsOf({ interrupt_before, interrupt_after }: RunBody): Breakpoints {
  return { before: breakpoint(interrupt_before), after: breakpoint(interrupt_after) };
}

function breakpoint(given: unknown): "*" | string[] {
  const list = Array.isArray(given) ? given : given == null ? [] : [given];
  return list.includes("*") ? "*" : list.filter((node): node is string => typeof node === "string");
}

function withoutCheckpoint(body: RunBody): RunBody {
  const { config } = body;
  if (!isObject(config) || !isObject(config.configurable)) return body;
  const { checkpoint_id, checkpoint_ns, checkpoint_map, ...configurable } = config.configurable;
  return { ...body, config: { ...config, configurable } };
}
