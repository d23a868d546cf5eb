import { isDeepStrictEqual } from "node:util";
import { originOf } from "./draft.ts";
import { isMessage, isObject, isTool, type ToolCall } from "./message.ts";
import { resultIn } from "./tool-result.ts";
import type { CallTrace, Origin, Streamed } from "./transcript.ts";

/** An event of the `events` mode: `{ event, name, data, metadata }`. */
type Event = Record<string, unknown> & { data: Record<string, unknown> };

/**
 * What an event of the `events` mode tells of tool calls, in the words of the `tools` mode.
 *
 * A start names no call. It is the one with the tool's name and the same
 * arguments, first of all in a reply from beside the tool. Where none has them,
 * each call of that name may be the one, and is taken to have begun.
 */
export function toolsToldBy(event: Event, replies: Streamed[], begun: ReadonlyMap<string, CallTrace>): object[] {
  const { data, name } = event;
  const told = (toolCallId: string) => ({
    event: event.event,
    toolCallId,
    name,
    output: data.output,
    error: data.error,
  });
  if (event.event === "on_tool_start") return startedBy(event, replies, begun).map(told);
  if (event.event === "on_tool_error") return typeof data.tool_call_id === "string" ? [told(data.tool_call_id)] : [];
  if (event.event !== "on_tool_end") return [];
  if (isMessage(data.output) && isTool(data.output))
    return data.output.tool_call_id ? [told(data.output.tool_call_id)] : [];
  return [...begun.keys()].filter((id) => !begun.get(id)?.result && resultIn(data.output, id)).map(told);
}

function startedBy(
  { name, data, metadata }: Event,
  replies: Streamed[],
  begun: ReadonlyMap<string, CallTrace>,
): string[] {
  const origin = originOf(isObject(metadata) ? metadata : undefined);
  const isNamed = (call: ToolCall) => call.name === name && typeof call.id === "string";
  const called = replies.map((reply) => ({ reply, calls: (reply.message.tool_calls ?? []).filter(isNamed) }));
  const isSame = ({ args }: ToolCall) => isDeepStrictEqual(args, data.input);
  const isOpen = ({ id }: ToolCall) => !begun.has(id ?? "");
  // A tool that is tried again has begun already, and failed.
  const hasFailed = ({ id }: ToolCall) => begun.get(id ?? "")?.result?.status === "error";
  for (const mayBe of [isOpen, hasFailed]) {
    const waiting = called.filter(({ calls }) => calls.some((call) => isSame(call) && mayBe(call)));
    const found = waiting.findLast(({ reply }) => isBeside(reply.origin, origin)) ?? waiting.at(-1);
    if (found) return idsOf(found.calls.filter((call) => isSame(call) && mayBe(call)).slice(0, 1));
  }
  const all = called.flatMap(({ calls }) => calls);
  return all.some(isSame) ? [] : idsOf(all.filter(isOpen));
}

const idsOf = (calls: ToolCall[]) => calls.flatMap(({ id }) => id ?? []);

/** Whether both are nodes of the same graph. */
const isBeside = (one: Origin, other: Origin): boolean =>
  isDeepStrictEqual(one.path.slice(0, -1), other.path.slice(0, -1)) && (one.path.length < 2 || one.task === other.task);
