import { describe, expect, it } from "vitest";
import { messagesIn } from "../../proxy/core/message.ts";
import { conversation, outline, send, stop, useFlow } from "../helpers/flow.ts";

const flow = useFlow();

const story = ["Once ", "upon ", "a ", "time 🐉", " there ", "was "];

/** A thread on which the model has said five tokens of a story, and goes no further. */
async function inMidText(prompt: string) {
  const { thread_id: threadId } = await flow.client.threads.create();
  const script = flow.model.script(prompt, { text: story, holdAfter: 5 });
  const live = send(flow.client, threadId, prompt);
  const call = await script.call(0);
  await call.held.opened;
  const runId = await live.runId;
  await expect.poll(() => [...live.shown().values()].join("")).toBe("Once upon a time 🐉 there ");
  return { threadId, live, call, runId };
}

async function goesOn(threadId: string, prompt: string) {
  const script = flow.model.script(prompt, { text: ["Gladly."] });
  await send(flow.client, threadId, prompt).ended;
  expect(script.calls).toHaveLength(1);
  expect(outline(await conversation(flow.client, threadId)).at(-1)).toBe("ai: Gladly.");
  return script.calls[0]?.messages.map(({ role, content }) => `${role}: ${content}`).slice(1);
}

describe("a reply is cut in mid-text", () => {
  it("keeps exactly what was streamed, under the same id, and the next message is accepted (cases 7, 16, 19, 21)", async () => {
    const { threadId, live, call, runId } = await inMidText("tell a story");
    const cancelledAt = performance.now();
    await flow.client.runs.cancel(threadId, runId, false, "interrupt");
    const closed = await call.closed.opened;
    expect(closed.early).toBe(true);
    expect(closed.at - cancelledAt).toBeLessThan(1000);
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages)).toEqual(["human: tell a story", "ai: Once upon a time 🐉 there"]);
    expect(messages[1]?.id).toBe([...live.shown().keys()][0]);
    expect(messages[1]?.response_metadata?.stopped).toMatchObject({
      run_id: runId,
      action: "interrupt",
      reason: "user",
    });
    await live.ended;
    expect(live.parts.at(-1)).toMatchObject({ event: "values", data: { messages: [{}, { id: messages[1]?.id }] } });
    expect(live.parts.some(({ event }) => event === "error" || event === "tools")).toBe(false);
    expect(await goesOn(threadId, "go on")).toEqual([
      "user: tell a story",
      "assistant: Once upon a time 🐉 there",
      "user: go on",
    ]);
  });

  it("keeps it again in the second turn (case 20)", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    await goesOn(threadId, "hello");
    for (const prompt of ["second turn", "third turn"]) {
      const script = flow.model.script(prompt, { text: story, holdAfter: 2 });
      const live = send(flow.client, threadId, prompt);
      await (await script.call(0)).held.opened;
      await expect.poll(() => live.shown().size).toBe(1);
      await stop(flow.proxy.url, threadId);
    }
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: hello",
      "ai: Gladly.",
      "human: second turn",
      "ai: Once upon",
      "human: third turn",
      "ai: Once upon",
    ]);
    await goesOn(threadId, "and on");
  });

  it("keeps it for a client of the older `messages` mode, whom nothing shows that more was asked for", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const script = flow.model.script("in messages mode", { text: story, holdAfter: 4 });
    const live = send(flow.client, threadId, "in messages mode", { streamMode: ["messages"] });
    await (await script.call(0)).held.opened;
    await expect.poll(() => JSON.stringify(live.parts)).toContain("Once upon a time 🐉");
    await stop(flow.proxy.url, threadId);
    await live.ended;
    const events = new Set(live.parts.map(({ event }) => event));
    expect([...events].filter((event) => !event.startsWith("messages/"))).toEqual(["metadata"]);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: in messages mode",
      "ai: Once upon a time 🐉",
    ]);
    await goesOn(threadId, "after messages mode");
  });

  it("keeps it as plain conversation when rolled back", async () => {
    const { threadId, live, call, runId } = await inMidText("tell a story to undo");
    await flow.client.runs.cancel(threadId, runId, true, "rollback");
    expect((await call.closed.opened).early).toBe(true);
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages)).toEqual(["human: tell a story to undo", "ai: Once upon a time 🐉 there"]);
    expect(messages[1]?.id).toBe([...live.shown().keys()][0]);
    expect(messages[1]?.response_metadata?.stopped).toMatchObject({ run_id: runId, action: "rollback" });
    await live.ended;
    await goesOn(threadId, "go on after the rollback");
  });

  it("undoes the turn and gives its input back", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    await goesOn(threadId, "before the undone turn");
    const before = await flow.client.threads.getState(threadId);
    const script = flow.model.script("undo me", { text: story, holdAfter: 5 });
    const live = send(flow.client, threadId, "undo me");
    await (await script.call(0)).held.opened;
    const { body } = await stop(flow.proxy.url, threadId, { action: "rollback", keep: "nothing" });
    expect(body).toMatchObject({ outcome: "stopped", kept: [], input: { messages: [{ content: "undo me" }] } });
    const after = await flow.client.threads.getState(threadId);
    expect(after.checkpoint.checkpoint_id).toBe(before.checkpoint.checkpoint_id);
    expect(after.values).toEqual(before.values);
    await live.ended;
    await goesOn(threadId, "after the undone turn");
  });

  it("keeps the question alone when nothing is to be kept", async () => {
    const { threadId, live } = await inMidText("tell a story to drop");
    const { body } = await stop(flow.proxy.url, threadId, { keep: "nothing" });
    expect(body).toMatchObject({ outcome: "stopped", kept: [] });
    expect(outline(await conversation(flow.client, threadId))).toEqual(["human: tell a story to drop"]);
    await live.ended;
    await goesOn(threadId, "go on without it");
  });
});

describe("there is nothing to cut yet, or no more", () => {
  it.each(["interrupt", "rollback"] as const)(
    "before the first token the question stays and nothing empty is written: %s (cases 17, 23)",
    async (action) => {
      const { thread_id: threadId } = await flow.client.threads.create();
      const prompt = `say nothing, ${action}`;
      const script = flow.model.script(prompt, { text: story, holdAfter: 0 });
      const live = send(flow.client, threadId, prompt);
      await (await script.call(0)).held.opened;
      const { body } = await stop(flow.proxy.url, threadId, { action });
      expect(body).toMatchObject({ outcome: "stopped", kept: [], tool_calls: [] });
      expect(outline(await conversation(flow.client, threadId))).toEqual([`human: ${prompt}`]);
      await live.ended;
      await goesOn(threadId, `go on from nothing, ${action}`);
    },
  );

  it("at its last token it says stopped, all of it stands there, and nothing runs any more (case 5)", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const script = flow.model.script("to the last token", { text: story, holdAfter: story.length });
    const live = send(flow.client, threadId, "to the last token");
    await (await script.call(0)).held.opened;
    await live.showed(String(story.at(-1)));
    const { body } = await stop(flow.proxy.url, threadId);
    expect(body).toMatchObject({ outcome: "stopped", kept: [{ content: story.join("").trimEnd() }] });
    const statuses = (await flow.client.runs.list(threadId)).map(({ status }) => status);
    expect(statuses).toEqual(["interrupted"]);
    expect((await flow.client.threads.get(threadId)).status).toBe("idle");
    await live.ended;
    await goesOn(threadId, "go on from the last token");
  });

  it("after the end it says finished and marks nothing (case 6)", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    await goesOn(threadId, "finish this");
    const [run] = await flow.client.runs.list(threadId);
    const before = await flow.client.threads.getState(threadId);
    const { body } = await stop(flow.proxy.url, threadId, { run_id: run?.run_id });
    expect(body).toMatchObject({ outcome: "finished", run_ids: [run?.run_id], kept: [], tool_calls: [] });
    const after = await flow.client.threads.getState(threadId);
    expect(after).toEqual(before);
    expect((await stop(flow.proxy.url, threadId)).body.outcome).toBe("idle");
  });

  it("on an idle thread it says idle", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    expect(await stop(flow.proxy.url, threadId)).toEqual({
      status: 200,
      body: { thread_id: threadId, outcome: "idle", run_ids: [], kept: [], tool_calls: [] },
    });
  });
});

describe("the stop comes twice, or early", () => {
  it("twice at once and again later: one partial, the same answer (case 18)", async () => {
    const { threadId, live } = await inMidText("stop me twice");
    const [first, second] = await Promise.all([stop(flow.proxy.url, threadId), stop(flow.proxy.url, threadId)]);
    const third = await stop(flow.proxy.url, threadId);
    expect(first.body).toMatchObject({ outcome: "stopped", kept: [{ content: "Once upon a time 🐉 there" }] });
    expect(second).toEqual(first);
    expect(third).toEqual(first);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: stop me twice",
      "ai: Once upon a time 🐉 there",
    ]);
    await live.ended;
  });

  it("writes nothing behind a run that waits in the queue, but hands back what was said (case 9)", async () => {
    const { threadId, live, runId } = await inMidText("stop me before the queue");
    flow.model.script("from the queue", { text: ["My turn."] });
    const queued = send(flow.client, threadId, "from the queue", { multitaskStrategy: "enqueue" });
    await queued.runId;
    const { body } = await stop(flow.proxy.url, threadId, { run_id: runId });
    expect(body).toMatchObject({ outcome: "superseded", kept: [{ type: "ai", content: "Once upon a time 🐉 there" }] });
    await Promise.all([live.ended, queued.ended]);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: stop me before the queue",
      "human: from the queue",
      "ai: My turn.",
    ]);
  });

  it("a run taken out of the queue hands back what the user said: the busy thread can't take it (case 19)", async () => {
    const { threadId, live, call } = await inMidText("go on undisturbed");
    const queued = send(flow.client, threadId, "never mind", { multitaskStrategy: "enqueue" });
    const { body } = await stop(flow.proxy.url, threadId, { run_id: await queued.runId });
    expect(body).toMatchObject({ outcome: "superseded", input: { messages: [{ content: "never mind" }] } });
    call.release();
    await Promise.all([live.ended, queued.ended]);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: go on undisturbed",
      `ai: ${story.join("")}`,
    ]);
  });

  it.each([
    ["stop", "interrupt"],
    ["rollback", "rollback"],
  ] as const)("a late %s does not touch the next run (cases 4, 9)", async (what, action) => {
    const { threadId, live, runId } = await inMidText(`stop me, then ask again, ${what}`);
    await stop(flow.proxy.url, threadId);
    await live.ended;
    const script = flow.model.script(`the next question, ${what}`, { text: ["The ", "answer."], holdAfter: 1 });
    const next = send(flow.client, threadId, `the next question, ${what}`);
    const call = await script.call(0);
    await call.held.opened;
    const before = outline(messagesIn((await flow.client.threads.getState(threadId)).values, "messages"));
    const late = await stop(flow.proxy.url, threadId, { run_id: runId, action });
    expect(late.body).toMatchObject({ outcome: expect.toBeOneOf(["stopped", "superseded"]), run_ids: [runId] });
    await flow.client.runs.cancel(threadId, runId, false, action);
    call.release();
    await next.ended;
    expect((await call.closed.opened).early).toBe(false);
    expect(outline(await conversation(flow.client, threadId))).toEqual([...before, "ai: The answer."]);
  });

  it.each(["the start first", "the stop first"])(
    "sent together with the start, before the run id is known, it stops that run: %s (cases 1, 3)",
    async (ahead) => {
      const { thread_id: threadId } = await flow.client.threads.create();
      flow.model.script("stop at once", { text: story, holdAfter: 5 });
      const live = send(flow.client, threadId, "stop at once");
      // The start is on the wire, or about to be; the run is not created.
      if (ahead === "the start first") await new Promise((sent) => setImmediate(sent));
      const { body } = await stop(flow.proxy.url, threadId);
      expect(body).toMatchObject({ outcome: "stopped", run_ids: [await live.runId] });
      await live.ended;
      expect(outline(await conversation(flow.client, threadId))[0]).toBe("human: stop at once");
      await goesOn(threadId, "go on after all");
    },
  );
});

describe("a reader leaves", () => {
  it("on_disconnect: cancel stops the run and keeps the text", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const script = flow.model.script("hang up", { text: story, holdAfter: 3 });
    const live = send(flow.client, threadId, "hang up", { onDisconnect: "cancel" });
    const call = await script.call(0);
    await call.held.opened;
    await expect.poll(() => [...live.shown().values()].join("")).toBe("Once upon a ");
    live.hangUp();
    expect((await call.closed.opened).early).toBe(true);
    expect(outline(await conversation(flow.client, threadId))).toEqual(["human: hang up", "ai: Once upon a"]);
  });
});
