import type { AIMessage, Message } from "@langchain/langgraph-sdk";
import { messageText } from "./message-text.ts";
import { type ToolRow, toolRows } from "./tool-row.ts";

/** One thing said, as the page shows it. */
export type Entry = Question | Reply;

export interface Question {
  kind: "question";
  key: string;
  text: string;
}

export interface Reply {
  kind: "reply";
  key: string;
  /** Markdown. */
  text: string;
  tools: ToolRow[];
  /** It was cut, and stands as far as it came. */
  stopped: boolean;
}

/** The conversation as entries; tool answers stand with the calls that they answer. */
export function conversation(messages: Message[], isRunning: boolean): Entry[] {
  return messages.flatMap((message, at): Entry[] => {
    const key = message.id ?? String(at);
    if (message.type === "human") return [{ kind: "question", key, text: messageText(message) }];
    if (message.type !== "ai") return [];
    const text = messageText(message);
    const tools = toolRows(message, messages.slice(at + 1), isRunning);
    return text || tools.length > 0 ? [{ kind: "reply", key, text, tools, stopped: isStopped(message) }] : [];
  });
}

/** Whether nothing of what comes next is to be seen yet. */
export function isWaiting(entries: Entry[]): boolean {
  const last = entries.at(-1);
  if (last?.kind !== "reply") return true;
  return last.tools.length > 0 && last.tools.every(({ state }) => state !== "running");
}

const isStopped = ({ response_metadata }: AIMessage) => response_metadata?.stopped != null;
