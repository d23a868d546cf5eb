import { compareIds } from "../core/event-id.ts";

/**
 * Where an event stands in a run that is driven step by step: the number of
 * the step, the event's id in that step's own stream, and, since in-memory
 * servers give several events one id, how many with this id came before it.
 */
export interface StepId {
  step: number;
  id: string;
  nth: number;
}

/** As it is sent to clients: `2:17`, `0:1795394733024-0.3`. */
export const stepIdText = ({ step, id, nth }: StepId): string => `${step}:${id}${nth > 0 ? `.${nth}` : ""}`;

/** Undefined for an id that is none of ours, such as `-1`: from the start. */
export function parseStepId(text: string): StepId | undefined {
  const [, step, id, nth = "0"] = /^(\d+):([^.]+)(?:\.(\d+))?$/.exec(text) ?? [];
  return step === undefined || id === undefined ? undefined : { step: Number(step), id, nth: Number(nth) };
}

/** Whether an event of the same step had been sent when `seen` was the last. */
export function wasSeen({ id, nth }: StepId, seen: StepId): boolean {
  const order = compareIds(id, seen.id) ?? (id === seen.id ? 0 : 1);
  return order === 0 ? nth <= seen.nth : order < 0;
}
