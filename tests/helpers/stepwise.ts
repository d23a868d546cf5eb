import type { Client, StreamMode } from "@langchain/langgraph-sdk";
import type { Live } from "./flow.ts";
import { gate } from "./gate.ts";

export interface StepwiseAsked {
  streamMode?: StreamMode[];
  multitaskStrategy?: "interrupt" | "enqueue" | "reject";
  /** Instead of a message: goes on where the last run was stopped. */
  goOn?: boolean;
  interruptBefore?: string[];
  interruptAfter?: string[];
  config?: { recursion_limit: number };
}

export const messageOf = (text: string) => ({ messages: [{ role: "user", content: text }] });

/** Sends a message whose run is driven step by step. */
export function sendStepwise(client: Client, threadId: string, text: string, graph: string, asked: StepwiseAsked = {}) {
  const runId = gate<string>();
  const parts: Live["parts"] = [];
  const { streamMode = ["values", "messages-tuple", "updates"], goOn, ...others } = asked;
  const leave = new AbortController();
  const read = async () => {
    const stream = client.runs.stream(threadId, graph, {
      input: goOn ? null : messageOf(text),
      metadata: { stepwise: true },
      streamMode,
      ...others,
      signal: leave.signal,
      onRunCreated: ({ run_id }) => runId.open(run_id),
    });
    for await (const part of stream) parts.push(part as Live["parts"][number]);
  };
  const ended = read().catch((error: Error) => {
    if (!leave.signal.aborted) throw error;
  });
  return { threadId, runId: runId.opened, parts, ended, hangUp: () => leave.abort() };
}

export const events = (parts: Live["parts"], name: string) => parts.filter(({ event }) => event === name);
