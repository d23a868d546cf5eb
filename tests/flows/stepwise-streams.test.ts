import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, type Live, outline, send, shownIn, useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";
import { events, flagsOn, heldAt, sendStepwise, speakInTurn, spokenBy, until } from "../helpers/stepwise.ts";

const flow = useFlow();
vi.setConfig({ testTimeout: 60_000 });

let other: Listening;
beforeAll(async () => {
  other = await startProxy(inject("langgraphUrl"));
});
afterAll(() => other.close());

const lengths = (parts: Live["parts"]) =>
  events(parts, "values").map(({ data }) => (data as { messages: unknown[] }).messages.length);

/** Events and data of a stream's text. */
const framesOf = (text: string): Live["parts"] =>
  text.split(/\r?\n\r?\n/).flatMap((frame) => {
    const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, "m").exec(frame)?.[1]?.trim();
    const [event, data] = [field("event"), field("data")];
    return event && data ? [{ event, data: JSON.parse(data), id: field("id") }] : [];
  });

/** Joins the run for what is still to come; resolves when that is to be had, and `parts` when all of it has come. */
async function joinNow(threadId: string, runId: string, url = flow.proxy.url) {
  const answer = await fetch(`${url}/threads/${threadId}/runs/${runId}/stream`);
  const parts = answer.text().then(framesOf);
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

/** Reads the thread's stream until so many runs are done; resolves when it is open, to what resolves to its frames. */
async function watch(threadId: string, runs: number, lastEventId?: string, url = flow.proxy.url) {
  const leave = new AbortController();
  const headers: Record<string, string> = lastEventId ? { "last-event-id": lastEventId } : {};
  const answer = await fetch(`${url}/threads/${threadId}/stream`, { headers, signal: leave.signal });
  const read = async () => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      if ((text.match(/run_done[^\n]*\n[^\n]*\n\r?\n/g) ?? []).length >= runs) break;
    }
    leave.abort();
    return framesOf(text);
  };
  return { status: answer.status, frames: read() };
}

describe.concurrent("the stream of the thread", () => {
  const isJs = inject("server") === "js";

  it("shows it as one run, live and again, and from its middle", async () => {
    const prompt = "watched";
    const { thread_id: threadId } = await flow.client.threads.create();
    const live = [await watch(threadId, 2), await watch(threadId, 2, undefined, other.url)];
    // It has no such route.
    if (isJs) return expect(live.map(({ status }) => status)).toEqual([404, 404]);
    speakInTurn(flow, prompt);
    const first = sendStepwise(flow.client, threadId, prompt, "pipeline");
    await first.ended;
    flow.model.script("the next", { text: ["Gladly."] });
    const next = send(flow.client, threadId, "the next", { graph: "pipeline" });
    await next.ended;
    const runIds = [await first.runId, await next.runId];
    const [seen = [], elsewhere] = await Promise.all(live.map(({ frames }) => frames));
    expect(elsewhere).toEqual(seen);
    expect(events(seen, "metadata").map(({ data }) => data)).toEqual(
      runIds.flatMap((run_id) => [
        { run_id, attempt: 1 },
        { run_id, status: "run_done" },
      ]),
    );
    expect(JSON.stringify(seen)).not.toContain("__interrupt__");
    expect(lengths(seen)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await (await watch(threadId, 2, "0-0")).frames).toEqual(seen);
    // From the second step on.
    const from = seen.findIndex(({ event, data }) => event === "updates" && "review" in (data as object));
    const rest = await (await watch(threadId, 2, seen[from]?.id)).frames;
    expect(rest).toEqual(seen.slice(from + 1));
  });

  it("says where it pauses, and that it was stopped", async () => {
    if (isJs) return expect((await watch(crypto.randomUUID(), 1)).status).toBe(404);
    const prompt = "watched to its pause";
    const { thread_id: threadId } = await flow.client.threads.create();
    const { frames } = await watch(threadId, 2);
    speakInTurn(flow, prompt);
    const first = sendStepwise(flow.client, threadId, prompt, "pipeline", { interruptAfter: ["review"] });
    await first.ended;
    const { live, call, runId, ended } = await heldAt(flow, "draft", "watched to its stop", { threadId });
    const stopped = flow.client.runs.cancel(threadId, runId, true);
    await until(async () => expect(await flagsOn(flow, threadId)).toHaveLength(1));
    call?.release();
    await Promise.all([stopped, ended]);
    const seen = await frames;
    expect(seen.filter(({ data }) => JSON.stringify(data).includes("__interrupt__"))).toHaveLength(1);
    const done = events(seen, "metadata").filter(({ data }) => JSON.stringify(data).includes("run_done"));
    expect(done.map(({ data }) => (data as { run_id: string }).run_id)).toEqual([await first.runId, await live.runId]);
  });
});
