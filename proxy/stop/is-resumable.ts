import type { Run } from "@langchain/langgraph-sdk";

/** Whether the run's stream can be read again; joining any other takes its events from whoever reads it. Aegra tells no `kwargs`, and replays every run. */
export function isResumable(run: Run): boolean {
  const { kwargs } = run as { kwargs?: { resumable?: boolean } };
  return kwargs?.resumable ?? kwargs === undefined;
}
