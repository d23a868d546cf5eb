import type { AIMessage, Message, ToolMessage } from "@langchain/langgraph-sdk";
import { messageText } from "./message-text.ts";

/** What is known of a tool call. `unanswered`: nothing runs, and nothing tells what became of it. */
export type ToolState = "running" | "finished" | "failed" | "cut" | "never-started" | "unanswered";

export interface ToolRow {
  key: string;
  name: string;
  args: Record<string, unknown>;
  state: ToolState;
  /** What the tool answered, or what is said in its place. */
  result?: string;
}

/** The calls of a reply, each with the answer found in the messages after it. */
export function toolRows({ tool_calls = [] }: AIMessage, after: Message[], isRunning: boolean): ToolRow[] {
  return tool_calls.map(({ id, name, args }, at) => {
    const answer = after.find(
      (message): message is ToolMessage => message.type === "tool" && message.tool_call_id === id,
    );
    return {
      key: id ?? String(at),
      name,
      args,
      state: answer ? stateOf(answer) : isRunning ? "running" : "unanswered",
      result: answer && messageText(answer),
    };
  });
}

function stateOf({ status, response_metadata }: ToolMessage): ToolState {
  const { fate } = (response_metadata?.stopped ?? {}) as { fate?: unknown };
  if (fate === "cut" || fate === "never-started") return fate;
  return status === "error" ? "failed" : "finished";
}

/** The arguments on one line: `expression: 2 + 2, unit: cm`. */
export function argsLine(args: Record<string, unknown>): string {
  return Object.entries(args)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}
