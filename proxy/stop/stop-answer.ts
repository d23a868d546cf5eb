import type { Run } from "@langchain/langgraph-sdk";
import type { Outcome, StopResult } from "./stop-run.ts";

/** What `POST /threads/:thread_id/stop` answers. */
export interface StopAnswer {
  thread_id: string;
  /** `idle`: nothing ran, and nothing was stopped before. */
  outcome: Outcome | "idle";
  run_ids: string[];
  kept: StopResult["kept"];
  tool_calls: StopResult["tool_calls"];
  /** Of the turn that was undone, or of a run that never had its turn: what it was given. */
  input?: unknown;
  /** Of each, if there were several, oldest first. */
  inputs?: { run_id: string; input: unknown }[];
}

/** A run, and what its stop came to. */
export interface StoppedRun {
  run: Pick<Run, "run_id">;
  result: StopResult;
}

/** Of a run that had ended by itself. */
export const finished: StopResult = { outcome: "finished", kept: [], tool_calls: [], values: undefined };

/** Of a run that is gone: another stop has taken it back, or it went with its thread. */
export const gone: StopResult = { ...finished, outcome: "stopped" };

/** One answer for the runs of a thread, oldest first. */
export function sumUp(threadId: string, stopped: StoppedRun[]): StopAnswer {
  const outcomes = stopped.map(({ result }) => result.outcome);
  const inputs = stopped.flatMap(({ run, result }) =>
    result.input === undefined ? [] : [{ run_id: run.run_id, input: result.input }],
  );
  return {
    thread_id: threadId,
    outcome:
      outcomes.find((outcome) => outcome === "superseded") ??
      outcomes.find((outcome) => outcome === "stopped") ??
      "finished",
    run_ids: stopped.map(({ run }) => run.run_id),
    kept: stopped.flatMap(({ result }) => result.kept),
    tool_calls: stopped.flatMap(({ result }) => result.tool_calls),
    ...(inputs.length > 0 ? { input: inputs[0]?.input } : {}),
    ...(inputs.length > 1 ? { inputs } : {}),
  };
}
