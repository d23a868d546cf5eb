import type { Message, ToolCall } from "./message.ts";
import { stableId } from "./stable-id.ts";
import type { CallTrace } from "./transcript.ts";

/** What became of a tool call: it ran to its end, it was cut in the middle, or it was never run. */
export type Fate = "finished" | "cut" | "never-started";

const sentences: Record<Exclude<Fate, "finished">, string> = {
  cut: "This tool call was cut off before it returned. It may have had effects; its result is not known.",
  "never-started": "This tool call never started. It had no effects.",
};

/** What the proxy knows of one call when it answers it. */
export interface CallEvidence {
  trace?: CallTrace;
  /** The reply was certainly still being written, or a human was to be asked first: nothing can have acted on it. */
  unheard: boolean;
  /** The stream tells when this tool starts: it has told so of another call to it. */
  startsAreKnown: boolean;
}

/** Says *never started* only on evidence: of plain functions that a node runs as tools no stream tells. */
export function fateOf({ trace, unheard, startsAreKnown }: CallEvidence): Fate {
  if (trace?.result) return "finished";
  if (trace) return "cut";
  return unheard || startsAreKnown ? "never-started" : "cut";
}

/** The one answer to a call: its real result, or an error that says what happened. */
export function answerTo(call: ToolCall, reply: Message, evidence: CallEvidence, runId: string): Message {
  const fate = fateOf(evidence);
  const id = stableId(runId, "answer", reply.id ?? "", call.id ?? "");
  if (fate === "finished" && evidence.trace?.result) {
    const result = evidence.trace.result;
    return {
      type: "tool",
      id: result.id ?? id,
      tool_call_id: call.id ?? "",
      name: result.name ?? call.name,
      content: result.content,
      status: result.status ?? "success",
      additional_kwargs: result.additional_kwargs ?? {},
      ...("artifact" in result && result.artifact != null ? { artifact: result.artifact } : {}),
    } as Message;
  }
  return {
    type: "tool",
    id,
    tool_call_id: call.id ?? "",
    name: call.name,
    content: sentences[fate as Exclude<Fate, "finished">],
    status: "error",
    response_metadata: { stopped: { run_id: runId, fate } },
  };
}
