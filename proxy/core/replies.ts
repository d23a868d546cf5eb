import type { Cut } from "./cut.ts";
import type { Message } from "./message.ts";
import { safeMessage } from "./safe-message.ts";
import { stableId } from "./stable-id.ts";
import type { Streamed } from "./transcript.ts";

/** A reply as it is to be stored, and whether nothing can have acted on it: a node may run tools by itself as soon as it has a reply. */
export interface CutReply {
  reply: Message;
  unheard: boolean;
  /** Answers to its calls that are stored elsewhere. */
  answers: Message[];
}

/** The replies of the tasks that were cut, as they can be stored, in the order of their first token. */
export function cutReplies(messages: Message[], cut: Cut): CutReply[] {
  if (cut.keep === "nothing") return [];
  const present = new Set(messages.map(({ id }) => id));
  const named = new Set<string>();
  return cut.said.flatMap((streamed): CutReply[] => {
    const id = streamed.message.id ?? idByPlace(streamed, cut, named);
    named.add(id);
    const safe = present.has(id) ? undefined : safeMessage(streamed);
    if (!safe) return [];
    const { streaming = false, answers = [] } = streamed;
    return [{ reply: mark({ ...safe, id }, streamed, cut), unheard: streaming, answers }];
  });
}

/** One without an id is known by where it was said, and by how many were said there before. */
function idByPlace({ origin }: Streamed, { runId }: Cut, named: ReadonlySet<string>): string {
  const { path, task = "", inner = [] } = origin;
  const place = [runId, "reply", ...path, task, ...inner.map(String)];
  const ids = [stableId(...place)];
  while (named.has(ids[0] ?? "")) ids.unshift(stableId(...place, `${ids.length}`));
  return ids[0] ?? "";
}

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
