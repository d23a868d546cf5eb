import { describe, expect, it } from "vitest";
import { beginHeld, cut, type How, howsOf, isUndone, spoken } from "./cell.ts";
import type { Flow } from "./flow.ts";
import type { Reply } from "./model/script.ts";
import { type Shape, speech } from "./shapes.ts";

/** Where a run is cut: what the speaker who is held says, and after how many chunks it is held. */
const moments: Record<string, Reply> = {
  "started, no token": { text: ["never said"], holdAfter: 0 },
  "mid-reasoning": { reasoning: ["Let ", "me ", "think."], text: ["never said"], holdAfter: 2 },
  "mid-text": { text: ["Half ", "🐉 of ", "it ", "never said"], holdAfter: 3 },
  "mid tool-call arguments": {
    text: ["Let me ask. "],
    calls: [{ id: "half", name: "probe", args: ['{"na', 'me":"x"}'] }],
    holdAfter: 3,
  },
  "on the last token": { text: ["All ", "of ", "it."], holdAfter: 3 },
};

/** Each of the shapes, cut at each moment of each of its steps. */
export function cutEverywhere(flow: Flow, shapes: Shape[]): void {
  describe.concurrent.each(shapes)("$graph", (shape) => {
    const cells = shape.steps.flatMap((speakers, step) =>
      Object.keys(moments)
        .filter((moment) => moment !== "mid tool-call arguments" || speakers.includes(shape.tools ?? ""))
        .flatMap((moment) => howsOf().map((how) => ({ step, speakers: speakers.join(" and "), moment, ...how }))),
    );

    it.each(cells)("$speakers, $moment: $action, keep $keep", async ({ step, moment, action, keep }) => {
      const how = { action, keep };
      const prompt = `${shape.graph} ${step} ${moment} ${action} ${keep}`;
      const { left } = await cut(flow, await beginHeld(flow, shape, step, prompt, moments[moment] ?? {}), how);
      expect(spoken(left)).toEqual(isUndone(how) ? [] : whatStays(shape, step, moment, how));
    });
  });
}

/** What the assistant has said in the turn, by the promises. */
function whatStays(shape: Shape, step: number, moment: string, { keep }: How): string[] {
  const aloud = (speaker: string) => !shape.inward?.includes(speaker);
  const said = (moments[moment]?.text ?? []).slice(0, moments[moment]?.holdAfter).join("");
  const partial = moment === "mid-reasoning" || keep === "nothing" ? "" : said.trimEnd();
  const isOver = (at: number) => keep === "partial" || !(shape.within?.includes(at) && shape.within.includes(step));
  const finished = shape.steps.slice(0, step).filter((_, at) => isOver(at));
  const stored = finished.flat().filter((speaker) => aloud(speaker) && !shape.unstored?.includes(speaker));
  const held = (shape.steps[step] ?? []).filter(aloud);
  return [...stored.map(speech), ...(partial === "" ? [] : held.map(() => partial))];
}
