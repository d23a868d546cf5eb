import { answersIn } from "./answers.ts";
import { callKey } from "./cut.ts";
import { isMessage, isObject } from "./message.ts";

/** What a thread's values have: the ids of all that stands in their lists, messages among them, and a `callKey` for every call that is answered there. */
export function storedIn(values: unknown): Set<string> {
  const lists = isObject(values) ? Object.values(values).filter(Array.isArray) : [];
  const ids = lists.flat().flatMap((item) => (isObject(item) && typeof item.id === "string" ? [item.id] : []));
  const answered = lists.flatMap((list) => answersIn(list.filter(isMessage)));
  const calls = answered.flatMap(({ reply, answers }) =>
    answers.map(({ tool_call_id }) => callKey(reply, tool_call_id ?? "")),
  );
  return new Set([...ids, ...calls]);
}
