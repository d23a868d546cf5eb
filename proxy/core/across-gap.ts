import type { Content, Message } from "./message.ts";
import { fromWholeWord, toWholeWord } from "./whole-words.ts";

/**
 * A message in the middle of which something went missing: what was said
 * before and after, a paragraph apart, without the pieces of words on either
 * side, which may not belong together. Nor do those of a call's arguments:
 * neither is a call.
 */
export function acrossGap(before: Message, after: Message): Message {
  return {
    ...after,
    content: contentAcrossGap(before.content, after.content),
    tool_calls: [...(before.tool_calls ?? []), ...(after.tool_calls ?? [])],
    tool_call_chunks: [...(before.tool_call_chunks ?? []), ...(after.tool_call_chunks ?? [])],
  };
}

export function contentAcrossGap(before: Content, after: Content): Content {
  if (after.length === 0) return before;
  const rest = fromWholeWord(after);
  if (before.length === 0) return rest;
  const said = toWholeWord(before, "\n\n");
  return typeof said === "string" && typeof rest === "string" ? said + rest : [...blocksOf(said), ...blocksOf(rest)];
}

const blocksOf = (content: Content) => (typeof content === "string" ? [{ type: "text", text: content }] : content);
