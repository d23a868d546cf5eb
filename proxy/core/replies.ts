import type { Cut, Task } from "./cut.ts";
import { isObject, type Message } from "./message.ts";
import { safeMessage } from "./safe-message.ts";
import { stableId } from "./stable-id.ts";
import type { Streamed } from "./transcript.ts";

/** A reply as it is to be stored, and whether nothing in the graph can have acted on it yet. */
export interface CutReply {
  reply: Message;
  unheard: boolean;
}

/** The replies of the tasks that were cut, as they can be stored, in the order of their first token. */
export function cutReplies(messages: Message[], cut: Cut): CutReply[] {
  if (cut.keep === "nothing") return [];
  const present = new Set(messages.map(({ id }) => id));
  return conversationReplies(cut).flatMap((streamed, index): CutReply[] => {
    const id = streamed.message.id ?? stableId(cut.runId, "reply", String(index));
    const safe = present.has(id) ? undefined : safeMessage(streamed);
    return safe ? [{ reply: mark({ ...safe, id }, streamed, cut), unheard: isUnheard(streamed, cut) }] : [];
  });
}

/**
 * Whether nothing can have acted on the reply: it was still streaming, or its
 * node of the root graph never returned and the stream would have told of a
 * tool. A node that runs tools by itself may have begun, and so may a subgraph.
 */
const isUnheard = ({ complete, origin }: Streamed, { toolEvents }: Cut): boolean =>
  !complete || (toolEvents && origin.path.length < 2);

/** Puts the stop on a reply that was cut; a reply that had ended is never marked. */
function mark(message: Message, { complete }: Streamed, cut: Cut): Message {
  if (complete) return message;
  const stopped = {
    run_id: cut.runId,
    at: cut.at,
    action: cut.action,
    reason: cut.reason,
    ...(cut.transcript.whole ? {} : { truncated: true }),
  };
  return { ...message, response_metadata: { ...message.response_metadata, stopped } };
}

/** The streamed replies that belong to the conversation: of cut tasks, not from inside a tool, not of a graph that talks to itself. */
export function conversationReplies(cut: Cut): Streamed[] {
  const { replies } = cut.transcript;
  const ids = new Set(cut.tasks.map(({ id }) => id));
  const known = replies.some(({ origin }) => origin.task && ids.has(origin.task));
  const last = replies.at(-1)?.origin.task;
  return replies.filter(({ origin }) => {
    if (origin.path.includes("tools") || cut.inTools) return false;
    if (known ? !ids.has(origin.task ?? "") : origin.task !== last) return false;
    const task = cut.tasks.find(({ id }) => id === origin.task);
    return origin.path.length < 2 || !task || sharesConversation(task, cut);
  });
}

/** A subgraph's state shows whether it talks in the thread's conversation; where it isn't shown, what was seen counts. */
function sharesConversation(task: Task, cut: Cut): boolean {
  const values = isObject(task.state) ? task.state.values : undefined;
  return !isObject(values) || (cut.messagesKey !== undefined && Array.isArray(values[cut.messagesKey]));
}
