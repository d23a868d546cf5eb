/** A tool call, its arguments not yet in JSON. */
export interface ScriptedCall {
  name: string;
  args: Record<string, unknown>;
}

/** The tool calls that answer a prompt, in the order of `graph/tools.ts`, then a subagent's; none if it asks for none. */
export function requestedCalls(prompt: string): ScriptedCall[] {
  const calls: ScriptedCall[] = [];
  for (const expression of expressionsIn(prompt)) calls.push({ name: "calculate", args: { expression } });
  for (const time_zone of timeZonesIn(prompt)) calls.push({ name: "current_time", args: { time_zone } });
  const seconds = secondsIn(prompt);
  if (seconds !== undefined) calls.push({ name: "wait", args: { seconds } });
  if (/\bsub-?agent|\bdelegate\b/i.test(prompt)) {
    calls.push({
      name: "task",
      args: { subagent_type: "general-purpose", description: "Write a few paragraphs about holding a note." },
    });
  }
  return calls;
}

/** Numbers joined by operators; a `-` or `/` between digits that touch it is a date or a range as often as not. */
function expressionsIn(prompt: string): string[] {
  const operand = String.raw`[-(\s]*\d[\d.]*[)\s]*`;
  const operator = String.raw`(?:[+*^×÷%]|(?<=\s)[-/](?=\s))`;
  const found = prompt.matchAll(new RegExp(`${operand}(?:${operator}${operand})+`, "g"));
  return [...found].map(([match]) => balanced(match.replaceAll("×", "*").replaceAll("÷", "/").trim()));
}

/** Without the brackets at its ends that belong to the sentence around it, nor its full stop. */
function balanced(match: string): string {
  let expression = match.replace(/\.$/, "");
  const count = (bracket: string) => expression.split(bracket).length - 1;
  while (count("(") > count(")") && expression.startsWith("(")) expression = expression.slice(1).trim();
  while (count(")") > count("(") && expression.endsWith(")")) expression = expression.slice(0, -1).trim();
  return expression;
}

function timeZonesIn(prompt: string): string[] {
  if (!/\b(what|current|the|local) time\b|\btime is it\b|\btime in\b/i.test(prompt)) return [];
  // In capitals as places are: "center" is one of them.
  const named = Intl.supportedValuesOf("timeZone").filter((zone) => {
    const place = zone.slice(zone.lastIndexOf("/") + 1).replaceAll("_", " ");
    return new RegExp(String.raw`(?<!\w)${place.replace(/[-+]/g, String.raw`\$&`)}(?!\w)`).test(prompt);
  });
  if (named.length > 0) return named;
  return /\bUTC\b|\btime is it\b|\bcurrent time\b/.test(prompt) ? ["UTC"] : [];
}

function secondsIn(prompt: string): number | undefined {
  const duration = /\bwait\b\D{0,20}?(\d+(?:\.\d+)?)\s*(s|m)(?:ec(?:ond)?s?|in(?:ute)?s?)?\b/i;
  const [, number, unit] = duration.exec(prompt) ?? [];
  if (number === undefined) return undefined;
  // The tool waits no longer than ten minutes.
  return Math.min(Number(number) * (unit?.toLowerCase() === "m" ? 60 : 1), 600);
}
