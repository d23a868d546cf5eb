import type { Message } from "../../proxy/core/message.ts";

/**
 * A message in one form. The Python server shows the replies of graphs that
 * store their messages in parts (deep agents) with their usage among the
 * `additional_kwargs`, and in its own place once a write has been made upon
 * an earlier checkpoint.
 */
export function inOneForm(message: Message): unknown {
  const { additional_kwargs, usage_metadata, ...rest } = message as Message & Record<string, unknown>;
  const { usage_metadata: aside, invalid_tool_calls: _invalid, ...kwargs } = Object(additional_kwargs);
  return { ...rest, additional_kwargs: kwargs, usage_metadata: usage_metadata ?? aside ?? undefined };
}
