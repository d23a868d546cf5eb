import type { ChatMessage } from "@copilotkit/aimock";
import { textOf } from "./text-of.ts";

/** Tells what became of each call of a turn, by its answer; of one that was cut or never ran it claims nothing. */
export function reportOn(prompt: string, turn: ChatMessage[]): string {
  const calls = turn.flatMap(({ tool_calls }) => tool_calls ?? []);
  const reports = turn
    .filter(({ role }) => role === "tool")
    .map((answer) => {
      const call = calls.find(({ id }) => id === answer.tool_call_id);
      return report(call?.function.name ?? answer.name ?? "tool", call?.function.arguments ?? "{}", textOf(answer));
    });
  const lines = reports.map(({ line }) => (reports.length > 1 ? `- ${line}` : line));
  const then = /\bthen say\s+["“]?([^"”.!?]+)/i.exec(prompt)?.[1]?.trim();
  if (then && reports.every(({ finished }) => finished)) lines.push("", `**${then}**`);
  if (!reports.every(({ finished }) => finished)) lines.push("", "Tell me if I shall run it again.");
  return lines.join("\n");
}

function report(name: string, args: string, answer: string): { line: string; finished: boolean } {
  if (/\bnever started\b/i.test(answer)) {
    return { line: `\`${name}\` never started, so there is no result.`, finished: false };
  }
  if (/\bcut off\b|\baborted\b|\bcancelled\b|\binterrupted\b/i.test(answer)) {
    return { line: `\`${name}\` was cut off: whether it did anything, I can't say.`, finished: false };
  }
  if (/^error\b/i.test(answer)) return { line: `\`${name}\` failed: ${answer}`, finished: false };
  const { expression, time_zone } = JSON.parse(args) as { expression?: string; time_zone?: string };
  if (name === "calculate") return { line: `\`${expression}\` is **${answer}**.`, finished: true };
  if (name === "current_time") return { line: `In \`${time_zone}\` it is **${answer}**.`, finished: true };
  if (name === "wait") return { line: answer, finished: true };
  return { line: `\`${name}\` answered, in short:\n\n${shortened(answer).replace(/^/gm, "> ")}`, finished: true };
}

const shortened = (text: string): string => {
  const characters = [...text];
  return characters.length > 300 ? `${characters.slice(0, 299).join("")}…` : text;
};
