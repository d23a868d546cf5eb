import type { Client } from "@langchain/langgraph-sdk";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { isAI, messagesIn, textOf } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, type Live, outline, sdk, send, shownIn, stop, useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";

const flow = useFlow();
const kept = "ai: Once upon a";
const story = { text: ["Once ", "upon ", "a ", "time ", "there ", "was."], holdAfter: 3 };
let other: Listening;

beforeAll(async () => {
  other = await startProxy(inject("langgraphUrl"));
});
afterAll(() => other.close());

/** A run through the first replica of which three tokens were shown. */
async function inMidText(prompt: string, client = flow.client) {
  const { thread_id: threadId } = await client.threads.create();
  const script = flow.model.script(prompt, story);
  const live = send(client, threadId, prompt);
  const call = await script.call(0);
  await call.held.opened;
  await expect.poll(() => [...live.shown().values()].join("")).toBe("Once upon a ");
  return { threadId, live, call, runId: await live.runId };
}

/** Whether the server's store has it that the run's readers have left. */
const noted = async (runId: string) => (await flow.direct.store.getItem(["fermata", "left"], runId)) !== null;

/** What the last `values` of a stream says. */
const lastValues = ({ parts }: { parts: { event: string; data: unknown }[] }) =>
  messagesIn(parts.findLast(({ event }) => event === "values")?.data, "messages");

const actions = [
  { action: "interrupt", keep: "partial" },
  { action: "interrupt", keep: "nothing" },
  { action: "rollback", keep: "partial" },
  { action: "rollback", keep: "nothing" },
];

describe("a reader that leaves", () => {
  it("has left for the other replicas, too: a message that says no strategy stops and keeps the run", async () => {
    const { threadId, live, call, runId } = await inMidText("left at the one");
    live.hangUp();
    await live.ended;
    await expect.poll(() => noted(runId)).toBe(true);
    flow.model.script("told to the other", { text: ["Gladly."] });
    await send(sdk(other.url), threadId, "told to the other").ended;
    expect((await call.closed.opened).early).toBe(true);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: left at the one",
      kept,
      "human: told to the other",
      "ai: Gladly.",
    ]);
    await expect.poll(() => noted(runId)).toBe(false);
  });

  it("and is back through another replica in time, has not left", async () => {
    const env = { ON_DISCONNECT: "stop", REJOIN_GRACE: "0.6" };
    const replicas = await Promise.all([0, 1].map(() => startProxy(inject("langgraphUrl"), env)));
    const [one, two] = replicas.map(({ url }) => sdk(url)) as [Client, Client];
    const { threadId, live, call, runId } = await inMidText("reload elsewhere", one);
    live.hangUp();
    await live.ended;
    await expect.poll(() => noted(runId)).toBe(true);
    const back: Live["parts"] = [];
    const leave = new AbortController();
    const rejoined = (async () => {
      const stream = two.runs.joinStream(threadId, runId, { lastEventId: "-1", signal: leave.signal });
      for await (const part of stream) back.push(part as Live["parts"][number]);
    })().catch((error: Error) => error.name);
    await expect.poll(() => [...shownIn(back).values()].join("")).toBe("Once upon a ");
    // Closing waits for the grace to go by.
    await replicas[0]?.close();
    expect((await flow.direct.runs.get(threadId, runId)).status).toBe("running");
    leave.abort();
    expect((await call.closed.opened).early).toBe(true);
    await rejoined;
    await replicas[1]?.close();
    expect(outline(await conversation(flow.client, threadId))).toEqual(["human: reload elsewhere", kept]);
  });
});

const wishes = {
  keep: {},
  "drop the text": { keep: "nothing" },
  "keep it as conversation": { action: "rollback" },
  undo: { action: "rollback", keep: "nothing" },
};
type Wish = keyof typeof wishes;
const pairs: [Wish, Wish][] = [
  ["undo", "undo"],
  ["undo", "keep"],
  ["keep", "undo"],
];
const morePairs: [Wish, Wish][] = [
  ["keep", "keep it as conversation"],
  ["undo", "keep it as conversation"],
  ["keep it as conversation", "undo"],
  ["drop the text", "undo"],
];

const dueNow = process.env.ALL_CELLS ? [...pairs, ...morePairs] : pairs;
describe.each(dueNow)("two replicas that are asked for another thing each: %s, and soon %s", (first, second) => {
  it.each(process.env.ALL_CELLS ? [0, 60, 120] : [60])(
    "%d ms later: the turn stands or it doesn't, and no answer says another thing",
    async (gap) => {
      const prompt = `${first}, and ${second} ${gap} ms later`;
      const { threadId, live } = await inMidText(prompt);
      const one = stop(flow.proxy.url, threadId, wishes[first]);
      await new Promise((later) => setTimeout(later, gap));
      const answers = await Promise.all([one, stop(other.url, threadId, wishes[second])]);
      await live.ended;
      const said = outline(await conversation(flow.direct, threadId));
      const human = `human: ${prompt}`;
      expect([[], [human], [human, kept]]).toContainEqual(said);
      for (const { status, body } of answers) {
        expect([status, body.outcome]).toEqual([200, expect.stringMatching(/^(stopped|idle)$/)]);
        if (body.input) expect(said).toEqual([]);
        if (body.kept.length > 0) expect(said).toContain(kept);
      }
      if (said.length === 0) expect(answers.some(({ body }) => body.input !== undefined)).toBe(true);
      flow.model.script(`after ${prompt}`, { text: ["Gladly."] });
      await send(flow.client, threadId, `after ${prompt}`).ended;
      expect(outline(await conversation(flow.direct, threadId))).toEqual([
        ...said,
        `human: after ${prompt}`,
        "ai: Gladly.",
      ]);
    },
  );
});

describe("a stop through another replica than the one that streams", () => {
  it.each(actions)("$action, keep $keep: both say the same", async (wish) => {
    const prompt = `elsewhere ${wish.action} ${wish.keep}`;
    const { threadId, live, call } = await inMidText(prompt);
    const { body } = await stop(other.url, threadId, wish);
    expect(body.outcome).toBe("stopped");
    await live.ended;
    expect((await call.closed.opened).early).toBe(true);
    const messages = await conversation(flow.client, threadId);
    expect(messages.filter(isAI).map(({ content }) => textOf(content))).toEqual(
      wish.keep === "partial" ? ["Once upon a"] : [],
    );
    if (messages.length > 0) expect(lastValues(live)).toEqual(messages);
  });

  it("what was dropped on purpose does not come back with the next message through the first one", async () => {
    const { threadId, live } = await inMidText("drop it");
    await stop(other.url, threadId, { keep: "nothing" });
    await live.ended;
    expect((await stop(flow.proxy.url, threadId)).body.outcome).toBe("stopped");
    flow.model.script("is it gone?", { text: ["Gladly."] });
    await send(flow.client, threadId, "is it gone?").ended;
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: drop it",
      "human: is it gone?",
      "ai: Gladly.",
    ]);
  });

  it("two at once keep the text once, and say so both (case 18)", async () => {
    const { threadId, live, runId } = await inMidText("both at once");
    const answers = await Promise.all([stop(flow.proxy.url, threadId), stop(other.url, threadId)]);
    await live.ended;
    for (const { body } of answers) {
      expect(body).toMatchObject({ outcome: "stopped", run_ids: [runId] });
      expect(body.kept.map(({ content }) => content)).toEqual(["Once upon a"]);
    }
    expect(outline(await conversation(flow.client, threadId))).toEqual(["human: both at once", kept]);
  });
});
