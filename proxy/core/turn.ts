import { type Cut, inputMessages, type State } from "./cut.ts";
import { type Content, isAI, type Message, messagesIn, textOf, typeOf } from "./message.ts";
import { cutReplies } from "./replies.ts";
import { isCallBlock } from "./safe-message.ts";

/**
 * A turn as plain conversation, to write back after a rollback: what the user
 * said and what the assistant said, in order, without the tool traffic.
 *
 * `state` is the thread's state as the run left it, `before` its messages
 * without the run.
 */
export function turnOf(state: State, before: Message[], input: unknown, cut: Cut): Message[] {
  if (cut.keep === "nothing") return [];
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

/** As it may stand at the end of a turn: no call blocks, no white space at the end. */
function withoutCalls(content: Content): Content {
  if (typeof content === "string") return content.trimEnd();
  const blocks = content.filter((block) => !isCallBlock(block));
  const last = blocks.findLastIndex(({ text }) => typeof text === "string");
  return blocks.map((block, at) => (at === last ? { ...block, text: block.text?.trimEnd() } : block));
}

/** The reply without its calls; nothing if it did nothing but call. */
function plain({ tool_calls: _calls, ...message }: Message): Message[] {
  if (textOf(message.content).trim() === "") return [];
  const { tool_calls: _raw, ...kwargs } = message.additional_kwargs ?? {};
  const { content } = message;
  return [
    {
      ...message,
      content: withoutCalls(content),
      additional_kwargs: kwargs,
    },
  ];
}
