import type { Message } from "@langchain/langgraph-sdk";
import { messageText } from "./message-text.ts";

/** The ways to stop beside stopping at once. */
export type StopWay = "after-step" | "undo" | "dismiss";

/** What each asks of `POST /threads/:t/stop`. */
export const bodyOf: Record<StopWay, object> = {
  "after-step": { when: "after-step" },
  undo: { action: "rollback", keep: "nothing" },
  dismiss: { dismiss: true },
};

/** What it answers, as far as the page looks at it. */
export interface StopAnswer {
  outcome: "stopped" | "finished" | "idle" | "superseded";
  input?: unknown;
  inputs?: { input: unknown }[];
}

/** What the reader had asked in the turns that were undone. */
export function askedIn({ input, inputs = [{ input }] }: StopAnswer): string {
  return inputs
    .flatMap(({ input: given }) => (given as { messages?: Message[] } | undefined)?.messages ?? [])
    .map(messageText)
    .filter((text) => text !== "")
    .join("\n\n");
}
