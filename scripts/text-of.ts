import type { ChatMessage } from "@copilotkit/aimock";

/** The text of a message, its blocks joined; empty if it has none. */
export function textOf(message: ChatMessage | undefined): string {
  const content = message?.content ?? "";
  return typeof content === "string" ? content : content.map(({ text }) => text ?? "").join("");
}
