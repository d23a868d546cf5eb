import type { Message } from "@langchain/langgraph-sdk";

/** The text a reader sees: the string, or the text blocks joined. */
export function messageText({ content }: Pick<Message, "content">): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((block) => (block.type === "text" ? block.text : "")).join("");
}
