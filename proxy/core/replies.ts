import type { Cut, Task } from "./cut.ts";
import { isObject, type Message, messagesIn } from "./message.ts";
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

/** Puts the stop on a reply that was cut; a reply that had ended is never marked, unless some of it is missing. */
function mark(message: Message, { complete, headless, torn }: Streamed, cut: Cut): Message {
  if (complete && !headless && !torn) return message;
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
  const last = replies.at(-1)?.origin.task;
  return replies.flatMap((streamed): Streamed[] => {
    const { origin } = streamed;
    if (origin.path.includes("tools") || (cut.inTools && !isBesideTools(streamed, cut))) return [];
    const task = cut.tasks.find(({ id }) => id === origin.task);
    // Where the stream names no task, or the cut ones are no longer known, the last that spoke counts.
    const unknown = origin.task === undefined || (cut.tasks.length === 0 && origin.task === last);
    if (!task && !unknown) return [];
    if (origin.path.length < 2 || !task) return [streamed];
    if (!sharesConversation(task, cut)) return [];
    const returned = messagesIn(stateOf(task), cut.messagesKey).some(({ id }) => id === streamed.message.id);
    return [returned ? { ...streamed, complete: true } : streamed];
  });
}

/** With open calls in the conversation one task runs them; what another branch of the step says is no tool's. */
function isBesideTools({ origin }: Streamed, cut: Cut): boolean {
  return (
    cut.tasks.length > 1 &&
    origin.path.length === 1 &&
    cut.tasks.some(({ id, name }) => id !== origin.task && name !== origin.path[0])
  );
}

const stateOf = (task: Task): unknown => (isObject(task.state) ? task.state.values : undefined);

/** A subgraph's state shows whether it talks in the thread's conversation; where it isn't shown, what was seen counts. */
function sharesConversation(task: Task, cut: Cut): boolean {
  const values = stateOf(task);
  return !isObject(values) || (cut.messagesKey !== undefined && Array.isArray(values[cut.messagesKey]));
}
