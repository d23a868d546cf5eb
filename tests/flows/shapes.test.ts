import { describe, expect, it } from "vitest";
import type { Message } from "../../proxy/core/message.ts";
import { beginHeld, cut, type How, howsOf, isUndone, spoken } from "../helpers/cell.ts";
import { send, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";
import { type Shape, shapes, speech } from "../helpers/shapes.ts";

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

const flow = useFlow();

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

/** What the assistant has said in the turn, by the promises. */
function whatStays(shape: Shape, step: number, moment: string, { keep }: How): string[] {
  const aloud = (speaker: string) => !shape.inward?.includes(speaker);
  const said = (moments[moment]?.text ?? []).slice(0, moments[moment]?.holdAfter).join("");
  const partial = moment === "mid-reasoning" || keep === "nothing" ? "" : said.trimEnd();
  const finished = shape.steps.slice(0, step).flat().filter(aloud).map(speech);
  const held = (shape.steps[step] ?? []).filter(aloud);
  return [...finished, ...(partial === "" ? [] : held.map(() => partial))];
}

it("a conversation without a reducer keeps what was there, though each write replaces it", async () => {
  const { thread_id: threadId } = await flow.client.threads.create();
  const script = flow.model.script("and the second?", { text: ["Half ", "of ", "it"], holdAfter: 2 });
  const messages = [
    { role: "user", content: "the first?" },
    { role: "assistant", content: "This one." },
    { role: "user", content: "and the second?" },
  ];
  const live = send(flow.client, threadId, "", { graph: "no_reducer", input: { messages } });
  await (await script.call(0)).held.opened;
  await stop(flow.proxy.url, threadId);
  await live.ended;
  const { values, next } = await flow.client.threads.getState<{ messages: Message[] }>(threadId);
  expect(next).toEqual([]);
  expect(values.messages.map(({ content }) => content)).toEqual([
    "the first?",
    "This one.",
    "and the second?",
    "Half of",
  ]);
});
