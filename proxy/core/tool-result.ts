import { isMessage, isObject, isTool, type Message } from "./message.ts";

/**
 * A tool that failed by itself has ended. The v2 protocol says with which
 * error, the `tools` mode of JS servers doesn't; a stop makes none, it ends the
 * stream first.
 */
export function failure(callId: string, { name, error, message }: Record<string, unknown>): Message {
  const words = isObject(error) ? error.message : message;
  const reason = typeof words === "string" ? `: ${words}` : "";
  return {
    type: "tool",
    tool_call_id: callId,
    name: typeof name === "string" ? name : undefined,
    content: `This tool call failed${reason || "; its error is not known"}.`,
    status: "error",
  };
}

/** The tool message in a tool's output: the output itself, or what a `Command` adds to the conversation. */
export function resultIn(output: unknown, callId: string): Message | undefined {
  const candidates: unknown[] = [output];
  if (isObject(output) && isObject(output.update)) {
    for (const value of Object.values(output.update)) if (Array.isArray(value)) candidates.push(...value);
  }
  return candidates.find(
    (candidate): candidate is Message => isMessage(candidate) && isTool(candidate) && candidate.tool_call_id === callId,
  );
}
