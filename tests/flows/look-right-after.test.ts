import { setTimeout as later } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { messagesIn } from "../../proxy/core/message.ts";
import { conversation, outline, send, useFlow } from "../helpers/flow.ts";

const flow = useFlow();
const kept = "ai: Once upon a";
const story = { text: ["Once ", "upon ", "a ", "time ", "there ", "was."], holdAfter: 3 };

/** A run of which three tokens were shown. */
async function inMidText(prompt: string, onDisconnect: "cancel" | "continue") {
  const { thread_id: threadId } = await flow.client.threads.create();
  const script = flow.model.script(prompt, story);
  const live = send(flow.client, threadId, prompt, { graph: "react", onDisconnect });
  const call = await script.call(0);
  await call.held.opened;
  const showsAll = () => expect([...live.shown().values()].join("")).toBe("Once upon a ");
  await vi.waitFor(showsAll, { timeout: 20_000 });
  return { threadId, live, runId: await live.runId };
}

// One after the other: beside others, what a client sends within moments would come further apart.

/** The ways to look at a thread: what its values say. */
const looks: Record<string, (threadId: string) => Promise<unknown>> = {
  state: async (threadId) => (await flow.client.threads.getState(threadId)).values,
  thread: async (threadId) => (await flow.client.threads.get(threadId)).values,
  history: async (threadId) => (await flow.client.threads.getHistory(threadId, { limit: 1 }))[0]?.values,
  "history, by GET": async (threadId) => {
    const answer = await fetch(`${flow.proxy.url}/threads/${threadId}/history?limit=1`);
    return ((await answer.json()) as { values: unknown }[])[0]?.values;
  },
};

describe.each(Object.keys(looks))("a client that looks right after its Stop, at the %s (case 7)", (what) => {
  const look = async (threadId: string) => outline(messagesIn(await looks[what]?.(threadId), "messages"));

  it.each([1, 70])("sends cancel without waiting and looks %d ms later: it sees what was kept", async (pace) => {
    const prompt = `look at the ${what} after ${pace} ms`;
    const { threadId, live, runId } = await inMidText(prompt, "continue");
    const cancelled = flow.client.runs.cancel(threadId, runId);
    // The client's own pace is what is tested here.
    await later(pace);
    expect(await look(threadId)).toEqual([`human: ${prompt}`, kept]);
    await Promise.all([cancelled, live.ended]);
  });

  it.each([0, 20])("hangs up with on_disconnect: cancel and looks %d ms later: it sees what was kept", async (pace) => {
    const prompt = `hang up, and look at the ${what} after ${pace} ms`;
    const { threadId, live } = await inMidText(prompt, "cancel");
    live.hangUp();
    await later(pace);
    expect(await look(threadId)).toEqual([`human: ${prompt}`, kept]);
    await live.ended;
  });
});

describe("a client that sends a message right after its Stop (case 19)", () => {
  it.each([
    { how: "cancels without waiting", pace: 0 },
    { how: "cancels without waiting", pace: 30 },
    { how: "hangs up with on_disconnect: cancel", pace: 0 },
    { how: "hangs up with on_disconnect: cancel", pace: 30 },
  ])("$how, $pace ms before: it comes after what was kept", async ({ how, pace }) => {
    const prompt = `${how}, and ${pace} ms`;
    const hangsUp = how.startsWith("hangs up");
    const { threadId, live, runId } = await inMidText(prompt, hangsUp ? "cancel" : "continue");
    const cancelled = hangsUp ? live.hangUp() : flow.client.runs.cancel(threadId, runId);
    await later(pace);
    const next = `right after ${prompt}`;
    flow.model.script(next, { text: ["Gladly."] });
    await send(flow.client, threadId, next, { graph: "react" }).ended;
    await Promise.all([cancelled, live.ended]);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      `human: ${prompt}`,
      kept,
      `human: ${next}`,
      "ai: Gladly.",
    ]);
  });
});
