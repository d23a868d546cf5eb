import { describe, expect, it } from "vitest";
import { conversation, outline, stop } from "../helpers/flow.ts";
import { asValue, kept, kill, useMortalFlow } from "../helpers/mortal-flow.ts";

const { flow, hold, inMidText, goOn } = useMortalFlow();

describe.concurrent("kill -9 in a rollback that keeps the text", () => {
  const turns = [
    { turn: "first", before: [] },
    { turn: "second", before: ["human: before it", "ai: Gladly."] },
  ];
  const moments = [
    { moment: "before it writes the turn", what: "request", method: "POST", path: "state" },
    { moment: "before it knows that its write was taken", what: "answer", method: "POST", path: "state" },
    { moment: "before it deletes the run", what: "request", method: "DELETE", path: "runs/:r" },
    { moment: "before it knows that the run is deleted", what: "answer", method: "DELETE", path: "runs/:r" },
  ] as const;
  const cells = turns.flatMap((turn) => moments.map((at) => ({ ...turn, ...at })));

  it.each(cells)("in the $turn turn, $moment: the next message through another replica finds the text", async (at) => {
    const prompt = `undo and die, ${at.turn}, ${at.moment}`;
    const { replica, threadId, runId, live, ended } = await inMidText(prompt, at.turn === "second");
    const held = hold(at.what, at.method, `/threads/${threadId}/${at.path.replace(":r", runId)}`);
    const answer = stop(replica.url, threadId, { action: "rollback" }).catch(asValue);
    await held.there.opened;
    await kill(replica, live);
    await held.abandoned.opened;
    expect(await answer).toBeInstanceOf(Error);
    await goOn(threadId, `after ${prompt}`);
    const expected = [...at.before, `human: ${prompt}`, kept, `human: after ${prompt}`, "ai: Gladly."];
    expect(outline(await conversation(flow.client, threadId))).toEqual(expected);
    await ended;
  });
});
