import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, type Live, outline, send, shownIn, useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";
import { events, heldAt, sendStepwise, speakInTurn, spokenBy } from "../helpers/stepwise.ts";

const flow = useFlow();
vi.setConfig({ testTimeout: 60_000 });

let other: Listening;
beforeAll(async () => {
  other = await startProxy(inject("langgraphUrl"));
});
afterAll(() => other.close());

const lengths = (parts: Live["parts"]) =>
  events(parts, "values").map(({ data }) => (data as { messages: unknown[] }).messages.length);

/** Joins the run for what is still to come; resolves when that is to be had, and `parts` when all of it has come. */
async function joinNow(threadId: string, runId: string, url = flow.proxy.url) {
  const answer = await fetch(`${url}/threads/${threadId}/runs/${runId}/stream`);
  const parts = answer.text().then((text) =>
    text.split(/\r?\n\r?\n/).flatMap((frame): Live["parts"] => {
      const [event, data] = ["event", "data"].map((field) => new RegExp(`^${field}: ?(.*)$`, "m").exec(frame)?.[1]);
      return event && data ? [{ event: event.trim(), data: JSON.parse(data) }] : [];
    }),
  );
  return { parts };
}

describe.concurrent("the stream of a run that is driven step by step", () => {
  it("is given all steps with the run's context", async () => {
    const prompt = "with a context";
    const { thread_id: threadId } = await flow.client.threads.create();
    speakInTurn(flow, prompt);
    await sendStepwise(flow.client, threadId, prompt, "pipeline", { context: { colour: "red" } }).ended;
    const said = outline(await conversation(flow.client, threadId));
    expect(said.slice(1)).toEqual(spokenBy("draft", "review", "publish"));
    const steps = (await flow.direct.runs.list(threadId)) as unknown as { kwargs: { context: object } }[];
    expect(steps.map(({ kwargs }) => kwargs.context)).toEqual(
      Array(3).fill(expect.objectContaining({ colour: "red" })),
    );
  });

  it("has every token, however alike they are", async () => {
    const prompt = "ha ha";
    const { thread_id: threadId } = await flow.client.threads.create();
    speakInTurn(flow, prompt);
    flow.model.script(`review: ${prompt}`, { text: [...Array<string>(400).fill("ha"), "."] });
    const live = sendStepwise(flow.client, threadId, prompt, "pipeline");
    await live.ended;
    const said = (await conversation(flow.client, threadId)).slice(1).map(({ content }) => content);
    expect([...shownIn(live.parts).values()]).toEqual(said);
    expect(said[1]).toHaveLength(801);
  });

  it.each(["draft", "publish"] as const)("is joined for what is still to come, while %s speaks", async (holder) => {
    const prompt = `joined while ${holder} speaks`;
    const { threadId, ended, call, runId } = await heldAt(flow, holder, prompt);
    const joined = await joinNow(threadId, runId, other.url);
    call?.release();
    const parts = await joined.parts;
    await ended;
    expect(lengths(parts).at(-1)).toBe(4);
    expect(JSON.stringify(parts)).not.toContain("__interrupt__");
    // What had been before is not repeated.
    expect([...shownIn(parts).values()][0]).toBe("now spoken.");
  });

  it("is joined before it begins, and can be read again", async () => {
    const prompt = "joined before it begins";
    const { thread_id: threadId } = await flow.client.threads.create();
    const ahead = `ahead of ${prompt}`;
    const { draft } = speakInTurn(flow, ahead, "draft");
    const first = send(flow.client, threadId, ahead, { graph: "pipeline" });
    await (await draft?.call(0))?.held.opened;
    speakInTurn(flow, prompt);
    const live = sendStepwise(flow.client, threadId, prompt, "pipeline", { multitaskStrategy: "enqueue" });
    const joined = await joinNow(threadId, await live.runId);
    (await draft?.call(0))?.release();
    await Promise.all([first.ended, live.ended]);
    const shown = spokenBy("draft", "review", "publish").map((line) => line.slice(4));
    expect([...shownIn(await joined.parts).values()]).toEqual(shown);
    const again: Live["parts"] = [];
    const stream = flow.client.runs.joinStream(threadId, await live.runId, { lastEventId: "-1" });
    for await (const part of stream) again.push(part as Live["parts"][number]);
    expect([...shownIn(again).values()]).toEqual(shown);
  });
});
