import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { isAI, messagesIn, textOf } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, outline, send, stop, useFlow } from "../helpers/flow.ts";
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
async function inMidText(prompt: string) {
  const { thread_id: threadId } = await flow.client.threads.create();
  const script = flow.model.script(prompt, story);
  const live = send(flow.client, threadId, prompt);
  const call = await script.call(0);
  await call.held.opened;
  await expect.poll(() => [...live.shown().values()].join("")).toBe("Once upon a ");
  return { threadId, live, call, runId: await live.runId };
}

/** What the last `values` of a stream says. */
const lastValues = ({ parts }: { parts: { event: string; data: unknown }[] }) =>
  messagesIn(parts.findLast(({ event }) => event === "values")?.data, "messages");

const actions = [
  { action: "interrupt", keep: "partial" },
  { action: "interrupt", keep: "nothing" },
  { action: "rollback", keep: "partial" },
  { action: "rollback", keep: "nothing" },
];

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
