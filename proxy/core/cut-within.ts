import { type Cut, type CutRun, gatherCut, type Stop, type Task } from "./cut.ts";
import type { Memory } from "./memory.ts";
import type { Origin, Streamed, Transcript } from "./transcript.ts";

/** What is to be settled in a memory: for itself it is a thread like any other, which the run was in. */
export function cutWithin({ namespace, state }: Memory, stop: Stop, run: CutRun, transcript: Transcript): Cut {
  const { created_at, kwargs } = run;
  const depth = namespace.split("|").length;
  const replies = transcript.replies.flatMap(({ origin, ...streamed }): Streamed[] => {
    const isWithin = origin.path.length > depth && origin.path.slice(0, depth).join("|") === namespace;
    return isWithin ? [{ ...streamed, origin: originWithin(origin, depth, state.tasks) }] : [];
  });
  const { input: _, ...given } = kwargs ?? {};
  return gatherCut(stop, { created_at, kwargs: given }, state, { ...transcript, replies });
}

function originWithin({ path, inner = [], step }: Origin, depth: number, tasks: Task[]): Origin {
  const task = inner[depth - 1];
  const isNamed = task !== undefined || tasks.some(({ name }) => name === path[depth]);
  return {
    // The v2 protocol of the Python server tells the graph, and no node of it.
    path: isNamed ? path.slice(depth) : [],
    task,
    ...(inner.length > depth ? { inner: inner.slice(depth) } : {}),
    ...(step === undefined ? {} : { step }),
  };
}
