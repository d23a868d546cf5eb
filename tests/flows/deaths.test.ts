import { describe, expect, it } from "vitest";
import { conversation, type Live, outline, sdk, send, stop } from "../helpers/flow.ts";
import { asValue, kept, kill, said, until, useMortalFlow } from "../helpers/mortal-flow.ts";

const { flow, hold, sendToMortal, inMidText, goOn } = useMortalFlow();

describe.concurrent("kill -9 of the replica that streams", () => {
  it("a stop through another one keeps the whole text", async () => {
    const { replica, threadId, live, call, ended } = await inMidText("its streamer dies");
    await kill(replica, live);
    expect((await stop(flow.proxy.url, threadId)).body.outcome).toBe("stopped");
    expect((await call.closed.opened).early).toBe(true);
    expect(outline(await conversation(flow.client, threadId))).toEqual(["human: its streamer dies", kept]);
    await ended;
  });

  it("its client rejoins through another one from the last id, and stops there (case 22)", async () => {
    const words = Array.from({ length: 300 }, (_, n) => `w${n} `);
    const { replica, threadId, live, ended } = await sendToMortal("rejoin me");
    flow.model.script("rejoin me", { text: words, pace: 20 });
    await until(() => expect(said(live.parts)).toContain("w5 "));
    await kill(replica, live);
    await ended;
    const back: Live["parts"] = [];
    const rejoined = (async () => {
      const lastEventId = live.parts.at(-1)?.id;
      const stream = flow.client.runs.joinStream(threadId, await live.runId, { lastEventId });
      for await (const part of stream) back.push(part as Live["parts"][number]);
    })();
    await until(() => expect(said(back).split(" ").length).toBeGreaterThan(8));
    const seen = (said(live.parts) + said(back)).trim().split(" ");
    expect((await stop(flow.proxy.url, threadId)).body.outcome).toBe("stopped");
    await rejoined;
    const reply = outline(await conversation(flow.client, threadId))
      .at(-1)
      ?.slice("ai: ".length);
    expect(words.join("").startsWith(`${reply} `)).toBe(true);
    expect(reply?.split(" ")).toEqual(expect.arrayContaining(seen));
  });
});

describe.concurrent("kill -9 between the cancel and the end of the stop", () => {
  const moments = [
    { moment: "before its write", what: "request", method: "POST", path: "state" },
    { moment: "before it knows that its write was taken", what: "answer", method: "POST", path: "state" },
    { moment: "before it knows that the run was cancelled", what: "answer", method: "POST", path: "runs/:r/cancel" },
    { moment: "while it reads the stream again", what: "answer", method: "GET", path: "runs/:r/stream" },
  ] as const;

  it.each(moments)("$moment: the next message through another replica finds the text", async (at) => {
    const prompt = `stop and die ${at.moment}`;
    const { replica, threadId, runId, live, ended } = await inMidText(prompt);
    const held = hold(at.what, at.method, `/threads/${threadId}/${at.path.replace(":r", runId)}`);
    const answer = stop(replica.url, threadId).catch(asValue);
    await held.there.opened;
    await until(async () => expect((await flow.direct.runs.get(threadId, runId)).status).toBe("interrupted"));
    await kill(replica, live);
    await held.abandoned.opened;
    expect(await answer).toBeInstanceOf(Error);
    await goOn(threadId, `after ${prompt}`);
    const expected = [`human: ${prompt}`, kept, `human: after ${prompt}`, "ai: Gladly."];
    expect(outline(await conversation(flow.client, threadId))).toEqual(expected);
    await ended;
  });

  it("in its tools: the next message finds them answered as it was", async () => {
    const { replica, threadId, live, ended } = await sendToMortal("tools and death", { graph: "create_agent" });
    const calls = ["death_done", "death_hanging"].map((id) => ({ id, name: "probe", args: [`{"name":"${id}"}`] }));
    flow.model.script("tools and death", { text: ["Let me ", "see."], calls });
    flow.model.probe("death_done", "a result");
    await flow.model.probe("death_hanging").started.opened;
    await until(() => expect(JSON.stringify(live.parts)).toContain("a result"));
    const held = hold("request", "POST", `/threads/${threadId}/state`);
    const answer = stop(replica.url, threadId).catch(asValue);
    await held.there.opened;
    await kill(replica, live);
    await Promise.all([answer, ended]);
    await goOn(threadId, "after tools and death", "create_agent");
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: tools and death",
      "ai: Let me see.",
      "tool: [death_done] a result",
      expect.stringMatching(/^tool: \[death_hanging\] .*may have/),
      "human: after tools and death",
      "ai: Gladly.",
    ]);
  });
});

describe.concurrent("kill -9 in double texting", () => {
  const moments = [
    { moment: "before the first run is kept", path: "state" },
    { moment: "before the second is created", path: "runs/stream" },
  ];

  it.each(moments)("$moment: asked again through another replica, both stand in order", async ({ moment, path }) => {
    const [first, second] = [`first, ${moment}`, `second, ${moment}`];
    const { replica, threadId, live, ended } = await inMidText(first);
    const held = hold("request", "POST", `/threads/${threadId}/${path}`);
    flow.model.script(second, { text: ["Gladly."] });
    const asked = { multitaskStrategy: "interrupt" } as const;
    const lost = send(sdk(replica.url), threadId, second, asked);
    const refused = lost.ended.catch(asValue);
    await held.there.opened;
    await kill(replica, live, lost);
    await Promise.all([ended, refused]);
    await send(flow.client, threadId, second, asked).ended;
    const expected = [`human: ${first}`, kept, `human: ${second}`, "ai: Gladly."];
    expect(outline(await conversation(flow.client, threadId))).toEqual(expected);
  });
});
