import { AIMessageChunk } from "@langchain/core/messages";
import type { ContentBlock, Message, ToolCallChunk } from "../../proxy/core/message.ts";
import type { StreamPart } from "../../proxy/core/transcript.ts";

/** In which form a run streams its replies: `messages-tuple`, `messages`, or the v2 protocol. */
export type Form = "tuples" | "snapshots" | "v2";

export type Server = "js" | "python";

/** What a chunk of a reply adds to it; nothing at its beginning, a `finish_reason` at its end. */
export type Chunk = Omit<Partial<Message>, "tool_call_chunks"> & { tool_call_chunks?: ToolCallChunk[] };

/** Where a reply is said. */
export interface Place {
  namespace: string;
  step: number;
}

/** Turns the chunks of one reply into the parts of the stream that show them. */
export type Show = (chunk: Chunk) => StreamPart[];

/** `id`: none where the provider gives none, which only tuples can bear. */
export function showerFor(form: Form, server: Server, id: string | undefined, place: Place): Show {
  const shower = { tuples, snapshots, v2 }[form];
  return shower(server, id, place);
}

const messageOf = (server: Server, id: string | undefined, chunk: Chunk) => ({
  type: server === "js" ? "ai" : "AIMessageChunk",
  id,
  content: "",
  tool_call_chunks: [],
  ...chunk,
});

const metadataOf = ({ namespace, step }: Place) => ({ langgraph_checkpoint_ns: namespace, langgraph_step: step });

const tuples =
  (server: Server, id: string | undefined, place: Place): Show =>
  (chunk) => [{ event: "messages", data: [messageOf(server, id, chunk), metadataOf(place)] }];

/** The whole message so far, each time. */
function snapshots(server: Server, id = "", place: Place): Show {
  let whole: AIMessageChunk | undefined;
  return (chunk) => {
    const opening = whole ? [] : [{ event: "messages/metadata", data: { [id]: { metadata: metadataOf(place) } } }];
    const next = new AIMessageChunk({ id, content: "", tool_call_chunks: [], ...chunk } as never);
    whole = whole ? whole.concat(next) : next;
    const { content, tool_calls, tool_call_chunks, additional_kwargs, response_metadata } = whole;
    const message = { tool_calls, tool_call_chunks, additional_kwargs, response_metadata, content };
    return [...opening, { event: "messages/partial", data: [messageOf(server, id, message as Chunk)] }];
  };
}

/** Blocks that begin and grow. */
function v2(server: Server, id: string | undefined, { namespace }: Place): Show {
  const begun = new Set<number>();
  const event = (data: object): StreamPart =>
    server === "js"
      ? { event: `messages|${namespace}`, data: { run_id: `call ${id}`, ...data } }
      : { event: "messages", data: { params: { namespace: namespace.split("|"), data } } };
  const grow = (index: number, content: ContentBlock, delta: ContentBlock): StreamPart[] => {
    const start = begun.has(index) ? [] : [event({ event: "content-block-start", index, content })];
    begun.add(index);
    return [...start, event({ event: "content-block-delta", index, delta })];
  };
  const think = (index: number, reasoning: unknown) =>
    grow(index, { type: "reasoning", reasoning: "" }, { type: "reasoning-delta", reasoning });
  const say = (index: number, text: string) => grow(index, { type: "text", text: "" }, { type: "text-delta", text });
  return ({ content = "", additional_kwargs = {}, tool_call_chunks = [], response_metadata }) => {
    if (response_metadata) return [event({ event: "message-finish", responseMetadata: response_metadata })];
    const blocks = typeof content === "string" ? (content ? [{ index: 1, text: content }] : []) : content;
    const shown = [
      ...(additional_kwargs.reasoning_content ? think(0, additional_kwargs.reasoning_content) : []),
      ...(blocks as ContentBlock[]).flatMap(({ index, text, thinking }) =>
        typeof text === "string" ? say(Number(index), text) : thinking ? think(Number(index), thinking) : [],
      ),
      ...tool_call_chunks.flatMap(({ id: callId, name, args, index }) =>
        grow(
          100 + Number(index),
          { type: "tool_call_chunk", id: callId, name, args: "" },
          { type: "tool-call-delta", args },
        ),
      ),
    ];
    const isOpening = blocks.length === 0 && shown.length === 0 && Object.keys(additional_kwargs).length === 0;
    return isOpening && begun.size === 0 ? [event({ event: "message-start", id })] : shown;
  };
}
