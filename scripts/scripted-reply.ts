import type { ChatMessage } from "@copilotkit/aimock";
import { requestedCalls, type ScriptedCall } from "./requested-calls.ts";
import { textOf } from "./text-of.ts";
import { reportOn } from "./tool-report.ts";

/** What the scripted model says next: text, then calls. */
export interface ScriptedReply {
  text: string;
  calls: ScriptedCall[];
}

/**
 * Decides what to say, from the conversation alone: tools that the last
 * message asks for are called once, answers of tools are told as they are,
 * "go on" goes on where the last reply was cut, and everything else gets an
 * essay, a different one each turn.
 */
export function scriptedReply(messages: ChatMessage[], tools: string[], essays: string[]): ScriptedReply {
  const asked = messages.findLastIndex(({ role }) => role === "user");
  const prompt = textOf(messages[asked]);
  const turn = messages.slice(asked + 1);
  if (messages.at(-1)?.role === "tool") return { text: reportOn(prompt, turn), calls: [] };
  const calls = requestedCalls(prompt).filter(({ name }) => tools.includes(name));
  if (calls.length > 0) return { text: "Let me use my tools for that.", calls };
  const before = messages.slice(0, Math.max(asked, 0));
  const rest = /\b(go on|continue|carry on|keep going)\b/i.test(prompt) ? restOf(before, essays) : undefined;
  if (rest) return { text: `…${rest}`, calls: [] };
  const turns = messages.filter(({ role }) => role === "user").length;
  const essay = essays[turns % essays.length] ?? "";
  return { text: [unfinished(before), opening(prompt), essay].filter(Boolean).join("\n\n"), calls: [] };
}

/** What the last reply would have said, had it not been cut. */
function restOf(before: ChatMessage[], essays: string[]): string | undefined {
  const said = textOf(before.findLast(({ role }) => role === "assistant"))
    .replace(/^…/, "")
    .trimEnd();
  const end = said.slice(-40);
  for (const essay of end.length >= 12 ? essays : []) {
    const at = essay.indexOf(end);
    if (at >= 0) return essay.slice(at + end.length) || undefined;
  }
  return undefined;
}

/** A word on the tools of the turn before, if a Stop left them without anybody who told of them. */
function unfinished(before: ChatMessage[]): string {
  if (before.at(-1)?.role !== "tool") return "";
  const asked = before.findLastIndex(({ role }) => role === "user");
  return reportOn("", before.slice(asked + 1));
}

function opening(prompt: string): string {
  const line = prompt.replace(/\s+/g, " ").trim();
  const quote = [...line].length > 80 ? `${[...line].slice(0, 79).join("")}…` : line;
  return `*${quote ? `You said “${quote.replaceAll("*", "\\*")}”. ` : ""}I am a scripted model and know three essays; here is one, to be stopped wherever you like.*`;
}
