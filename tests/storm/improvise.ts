import type { ChatRequest } from "../helpers/model/chat-completions.ts";
import type { Reply } from "../helpers/model/script.ts";
import type { StrictModel } from "../helpers/strict-model.ts";
import { dice } from "./dice.ts";

/** Ends the prompt of the message after the stop; it is answered briefly. */
export const afterwards = " (afterwards)";

/** Ends a prompt whose tools all answer: what waits for a human is gone on with, and would wait for them for ever. */
export const patiently = " (patiently)";

/** What the model says to the message after the stop. */
export const brief = "Very well.";

/** Makes the model talk and call tools at random, the same for the same prompt; the probes answer at random, or never. */
export function improviseOn(model: StrictModel): void {
  model.improvise = (request) => {
    const at = request.messages.findLastIndex(({ role }) => role === "user");
    const prompt = String(request.messages[at]?.content);
    if (prompt.endsWith(afterwards)) return { text: [brief] };
    const round = request.messages.length - at;
    const [speaker = ""] = JSON.stringify(request.messages[0]?.content ?? "").split("\\n");
    return improvise(model, request, `${prompt}/${speaker.slice(0, 20)}/${round}`, round, prompt);
  };
}

function improvise(model: StrictModel, request: ChatRequest, seed: string, round: number, prompt: string): Reply {
  const { roll, chance, pick } = dice(seed);
  const tools = (request.tools ?? []).map((tool) => tool.function.name);
  const word = roll(10_000, 99_999);
  const text = Array.from(
    { length: chance(0.15) ? 0 : roll(5, 80) },
    (_, n) => `${pick(["", "", "é", "🐉", "\n"])}w${word}-${n} `,
  );
  // A pipeline's next speaker has it as its last word, which must not end in white space.
  if (text.length > 0) text.push(String(text.pop()).trimEnd());
  const reply: Reply = { text, pace: pick([4, 10, 20]) };
  if (chance(0.2)) reply.reasoning = ["Let me ", "think."];
  if (tools.length === 0 || round > 6 || !chance(0.6)) {
    return text.length > 0 ? reply : { ...reply, text: [`w${word} `, "done."] };
  }
  reply.calls = Array.from({ length: tools.includes("transfer") ? 1 : roll(1, 3) }, (_, n) => {
    const id = `call_${word}_${n}`;
    if (tools.includes("task") && chance(0.5)) {
      const args = { description: `${prompt}, task ${n}`, subagent_type: "general-purpose" };
      return { id, name: "task", args: [JSON.stringify(args)] };
    }
    const [other] = tools.filter((name) => name === "ask" || name === "transfer" || name === "inquire");
    if (other && (other !== "inquire" || chance(0.5)))
      return { id, name: other, args: ['{"name":', `"${prompt}, ${id}"}`] };
    const probe = model.probe(id);
    if (chance(0.7) || prompt.includes(patiently))
      void probe.started.opened.then(() => setTimeout(() => probe.answer(`result of ${id}`), roll(0, 80)));
    return { id, name: "probe", args: ['{"name":', `"${id}"}`] };
  });
  return reply;
}
