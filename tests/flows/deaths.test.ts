import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { conversation, type Live, outline, sdk, send, shownIn, stop, useFlow } from "../helpers/flow.ts";
import { type HoldingShim, startHoldingShim } from "../helpers/holding-shim.ts";
import { type Replica, startReplica } from "../helpers/replica.ts";

/** The replica that dies is a process, behind it a shim; the one that goes on is the flow's own. */
const flow = useFlow();
const kept = "ai: Once upon a";
const story = { text: ["Once ", "upon ", "a ", "time ", "there ", "was."], holdAfter: 3 };
let shim: HoldingShim;

beforeAll(async () => {
  shim = await startHoldingShim(inject("langgraphUrl"));
});
afterAll(() => shim.close());

/** A message sent through a replica that is to die. */
async function sendToMortal(prompt: string, graph?: string) {
  const replica = await startReplica(shim.url);
  const client = sdk(replica.url);
  const { thread_id: threadId } = await client.threads.create();
  const live = send(client, threadId, prompt, { graph });
  const ended = live.ended.catch(asValue);
  return { replica, threadId, live, ended, script: flow.model.script(prompt, story) };
}

/** The same, of which three tokens were shown. */
async function inMidText(prompt: string) {
  const sent = await sendToMortal(prompt);
  const call = await sent.script.call(0);
  await call.held.opened;
  await until(() => expect(said(sent.live.parts)).toBe("Once upon a "));
  return { ...sent, call, runId: await sent.live.runId };
}

/** Kills it -9; its clients are let go. */
async function kill(replica: Replica, ...lives: Live[]): Promise<void> {
  replica.kill("SIGKILL");
  expect(await replica.exited).toBeNull();
  for (const live of lives) live.hangUp();
}

/** Says something through the replica that lives, and is answered. */
async function goOn(threadId: string, text: string, graph?: string): Promise<void> {
  flow.model.script(text, { text: ["Gladly."] });
  await send(flow.client, threadId, text, { graph }).ended;
}

const said = (parts: Live["parts"]) => [...shownIn(parts).values()].join("");
const asValue = (error: Error) => error;
/** `expect.poll` wants to know which test it is in; these run side by side. */
const until = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000 });

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
    const held = shim.hold(at.what, at.method, `/threads/${threadId}/${at.path.replace(":r", runId)}`);
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
    const { replica, threadId, live, ended } = await sendToMortal("tools and death", "create_agent");
    const calls = ["death_done", "death_hanging"].map((id) => ({ id, name: "probe", args: [`{"name":"${id}"}`] }));
    flow.model.script("tools and death", { text: ["Let me ", "see."], calls });
    flow.model.probe("death_done", "a result");
    await flow.model.probe("death_hanging").started.opened;
    await until(() => expect(JSON.stringify(live.parts)).toContain("a result"));
    const held = shim.hold("request", "POST", `/threads/${threadId}/state`);
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
    const held = shim.hold("request", "POST", `/threads/${threadId}/${path}`);
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
