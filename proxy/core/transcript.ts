import type { Message } from "./message.ts";

/** One part of a run's stream, as the SDK yields it. */
export interface StreamPart {
  event: string;
  data: unknown;
}

/** Where a message was streamed from, read off the checkpoint namespace. */
export interface Origin {
  /** Node names from the root graph's down to the one that spoke; empty if the stream doesn't say. */
  path: string[];
  /** The id of the root graph's task. */
  task?: string;
  /** The ids of the tasks within it, down to the one that spoke; none where a node has called a graph once more. */
  inner?: (string | undefined)[];
  /** In which superstep of its own graph it was said. */
  step?: number;
}

/** A message that was streamed, as far as it came. */
export interface Streamed {
  message: Message;
  origin: Origin;
  /** The model had finished it. */
  complete: boolean;
  /** It had certainly not, so nothing can have acted on it. Often neither is known. */
  streaming?: boolean;
  /** Its beginning may be missing: the stream, as it can be read, begins in the middle of it. */
  headless?: boolean;
  /** The answers to its calls that stand with it, where it was stored. */
  answers?: Message[];
  /** Something in its middle may be missing: the stream, as it was read, has a gap there. */
  torn?: boolean;
}

/** What the stream told of a tool call: it has begun, at least. */
export interface CallTrace {
  /** The `tools` or the `events` mode told, which tell of every tool that starts; a tool message tells of itself alone. */
  fromEvents: boolean;
  result?: Message;
}

/** What a run showed: a fold over the parts of its stream. */
export interface Transcript {
  /** The stream began with the run's `metadata`: its head is not missing. */
  whole: boolean;
  /** AI messages in the order of their first token. */
  replies: Streamed[];
  /** Tool calls by id. */
  calls: Map<string, CallTrace>;
  /** It was stopped between two steps: whatever is open has not begun. */
  nothingBegan?: boolean;
}
