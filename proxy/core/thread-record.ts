import { isDeepStrictEqual } from "node:util";
import { isObject } from "./message.ts";

/** What `GET /threads/:t/state` tells of the thread's head. */
type Head = Record<string, unknown>;

/**
 * A thread as `GET /threads/:t` answers, with what its state says where the
 * server's record is out of date: servers bring it up to date when a run ends,
 * and not when one is deleted with its turn, or let go.
 */
export function upToDate(thread: Record<string, unknown>, head: Head): Record<string, unknown> {
  const next = Array.isArray(head.next) ? head.next : [];
  // Without a checkpoint there never were any.
  const values = head.created_at == null ? null : head.values;
  const recorded = thread.values ?? null;
  // The JS server has none of a run that was cut.
  const isStale = (recorded !== null || next.length === 0) && !isDeepStrictEqual(recorded, values);
  const isOver = thread.status !== "idle" && next.length === 0;
  if (!isStale && !isOver) return thread;
  return {
    ...thread,
    status: next.length > 0 ? "interrupted" : "idle",
    values,
    ...("interrupts" in thread ? { interrupts: interruptsOf(head) } : {}),
    ...("error" in thread ? { error: null } : {}),
  };
}

/** By the ids of the tasks that wait. */
function interruptsOf({ tasks }: Head): Record<string, unknown> {
  const waiting = (Array.isArray(tasks) ? tasks : []).filter(
    (task) => isObject(task) && Array.isArray(task.interrupts) && task.interrupts.length > 0,
  );
  return Object.fromEntries(waiting.map(({ id, interrupts }) => [id, interrupts]));
}
