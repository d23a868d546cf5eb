import { isObject } from "./message.ts";

/** A thread's head, as far as it tells how far a run has come. */
export interface Head {
  /** `step` counts the graph's steps along the thread; `source` is `input` before a run's first. */
  metadata?: Record<string, unknown> | null;
}

/** What tells how a run began. */
export interface BegunRun {
  run_id: string;
  kwargs?: { input?: unknown } | null;
}

/**
 * The step at whose checkpoint the step that runs now has ended, as far as this
 * head tells. Input leaves a checkpoint of its own, and so does the passage
 * through the graph's start; neither is a step. A run without input goes on
 * where the thread stood.
 *
 * A head that is another's only tells where the thread stood before the run;
 * of two answers the lower one holds, since a run may fork from further back.
 */
export function endOfStep(head: Head, run: BegunRun): number {
  const { step, source, run_id } = head.metadata ?? {};
  const at = typeof step === "number" ? step : -2;
  if (run_id === run.run_id) return source === "input" ? at + 2 : at + 1;
  return hasInput(run) ? at + 3 : at + 1;
}

/** Whether the run itself has come so far. */
export function hasReached(head: Head, run: BegunRun, step: number): boolean {
  const { metadata } = head;
  return metadata?.run_id === run.run_id && typeof metadata.step === "number" && metadata.step >= step;
}

const hasInput = ({ kwargs }: BegunRun): boolean => !isObject(kwargs) || kwargs.input != null;
