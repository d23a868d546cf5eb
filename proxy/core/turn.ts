import { type Cut, inputMessages, type State } from "./cut.ts";
import { blocksOf, type Content, isAI, type Message, messagesIn, textOf, typeOf } from "./message.ts";
import { cutReplies } from "./replies.ts";
import { isCallBlock, withoutCalls } from "./safe-message.ts";

/**
 * A turn as plain conversation, to write back after a rollback: what the user
 * said and what the assistant said, in order, without the tool traffic.
 *
 * `state` is the thread's state as the run left it, `before` its messages
 * without the run. Nothing, where the graph has no conversation to write into.
 */
export function turnOf(state: State, before: Message[], input: unknown, cut: Cut): Message[] {
  if (cut.keep === "nothing" || !cut.messagesKey) return [];
  const old = new Set(before.map(({ id }) => id));
  const stored = messagesIn(state.values, cut.messagesKey).filter(({ id }) => !old.has(id));
  const asked = stored.filter((message) => typeOf(message) === "human");
  const said = stored.filter(isAI);
  const streamed = cutReplies([...before, ...stored], cut).map(({ reply }) => reply);
  return [
    ...(asked.length > 0 ? asked : inputMessages(input, cut.messagesKey, cut.runId)),
    ...[...said, ...streamed].flatMap(plain),
  ];
}

/** The reply without its calls; nothing if it did nothing but call. */
function plain(message: Message): Message[] {
  if (textOf(message.content).trim() === "") return [];
  const { content, tool_calls: calls = [] } = message;
  if (calls.length === 0 && (typeof content === "string" || !blocksOf(content).some(isCallBlock))) {
    return [{ ...message, content: trimmed(content) }];
  }
  const spoken = withoutCalls(message);
  return spoken ? [spoken] : [];
}

/** As it may stand at the end of a turn. */
function trimmed(content: Content): Content {
  if (typeof content === "string") return content.trimEnd();
  const blocks = blocksOf(content);
  const last = blocks.findLastIndex(({ text }) => typeof text === "string");
  return blocks.map((block, at) => (at === last ? { ...block, text: block.text?.trimEnd() } : block));
}
