import { isMessage, isObject, type Message, textOf } from "../../proxy/core/message.ts";

/** What a client was shown of one message. */
export interface Shown {
  id: string;
  text: string;
  /** It belongs to the conversation: not a subagent's, not of a graph that talks to itself. */
  spoken: boolean;
}

/** Nodes whose words are not the conversation's. */
const aside = ["tools", "act", "notebook", "route", "write", "shorten"];

/**
 * Adds a part of a stream to what was shown before, by message id. Where the
 * server is not exact, a node that runs its tools by itself can't be told from a tool.
 */
export function show(
  shown: Map<string, Shown>,
  { event, data }: { event: string; data: unknown },
  exact: boolean,
): void {
  if (event.split("|")[0] !== "messages" || !Array.isArray(data) || !isMessage(data[0])) return;
  const [message, metadata] = data as [Message, unknown];
  if (!message.id || message.type === "tool" || message.type === "human") return;
  const namespace = isObject(metadata) ? String(metadata.langgraph_checkpoint_ns ?? "") : "";
  const nodes = namespace.split("|").map((segment) => segment.replace(/:[^:]*$/, ""));
  const spoken = !nodes.some((node) => aside.includes(node) || (!exact && node === "act_and_answer"));
  const entry = shown.get(message.id) ?? { id: message.id, text: "", spoken };
  const whole =
    message.type === "ai" && "chunk_position" in message === false && entry.text === textOf(message.content);
  if (!whole) entry.text += textOf(message.content);
  shown.set(message.id, entry);
}
