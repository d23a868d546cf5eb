import { describe, expect, it } from "vitest";
import { conversation, outline, shownIn, stop, useFlow } from "../helpers/flow.ts";
import { events, flagsOn, heldAt, messageOf, sendStepwise, until } from "../helpers/stepwise.ts";

const flow = useFlow();

const speak = (prompt: string, ...names: string[]) =>
  names.map((name) => flow.model.script(`${name}: ${prompt}`, { text: [`${name} `, "has ", "spoken."] }));

describe.concurrent("a run that is driven step by step", () => {
  it("is one run to its client", async () => {
    const prompt = "all steps";
    const { thread_id: threadId } = await flow.client.threads.create();
    speak(prompt, "draft", "review", "publish");
    const live = sendStepwise(flow.client, threadId, prompt, "pipeline");
    await live.ended;
    const spoken = ["draft", "review", "publish"].map((name) => `ai: ${name} has spoken.`);
    expect(outline(await conversation(flow.client, threadId))).toEqual([`human: ${prompt}`, ...spoken]);
    expect([...shownIn(live.parts).values()]).toEqual(spoken.map((line) => line.slice(4)));
    expect(events(live.parts, "metadata").map(({ data }) => (data as { run_id: string }).run_id)).toEqual([
      await live.runId,
    ]);
    expect(JSON.stringify(live.parts)).not.toContain("__interrupt__");
    expect(events(live.parts, "values").map(({ data }) => (data as { messages: [] }).messages.length)).toEqual([
      1, 2, 3, 4,
    ]);
    expect(events(live.parts, "updates").flatMap(({ data }) => Object.keys(data as object))).toEqual([
      "draft",
      "review",
      "publish",
    ]);
    const ids = live.parts.flatMap(({ id }) => id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    expect((await flow.client.threads.get(threadId)).status).toBe("idle");
  });

  it("is stopped between two steps", async () => {
    const prompt = "stop me";
    const { thread_id: threadId } = await flow.client.threads.create();
    const script = flow.model.script(`draft: ${prompt}`, { text: ["draft ", "has ", "spoken."], holdAfter: 1 });
    const [review] = speak(prompt, "review");
    const live = sendStepwise(flow.client, threadId, prompt, "pipeline");
    const call = await script.call(0);
    await call.held.opened;
    const answer = stop(flow.proxy.url, threadId);
    await until(async () => expect((await flow.direct.runs.list(threadId)).length).toBe(2));
    call.release();
    const { body } = await answer;
    expect(body).toMatchObject({ outcome: "stopped", run_ids: [await live.runId], kept: [], tool_calls: [] });
    await live.ended;
    expect((await call.closed.opened).early).toBe(false);
    expect(review?.calls).toEqual([]);
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages)).toEqual([`human: ${prompt}`, "ai: draft has spoken."]);
    expect(events(live.parts, "values").at(-1)).toMatchObject({ data: { messages } });
    expect((await flow.direct.runs.list(threadId)).length).toBe(1);
    expect((await flow.client.threads.get(threadId)).status).toBe("idle");
  });

  it("is stopped before its tools: they never started, and the conversation goes on", async () => {
    const prompt = "stop my tools";
    const { thread_id: threadId } = await flow.client.threads.create();
    const calls = ["sw_one", "sw_two"].map((id) => ({ id, name: "probe", args: [`{"name":"${id}"}`] }));
    const script = flow.model.script(prompt, { text: ["Let me ", "see."], calls, holdAfter: 1 }, { text: ["Gladly."] });
    const live = sendStepwise(flow.client, threadId, prompt, "react");
    const call = await script.call(0);
    await call.held.opened;
    const answer = flow.client.runs.cancel(threadId, await live.runId, true);
    await until(async () => expect((await flow.direct.runs.list(threadId)).length).toBe(2));
    call.release();
    await answer;
    await live.ended;
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      `human: ${prompt}`,
      "ai: Let me see.",
      "tool: [sw_one] This tool call never started. It had no effects.",
      "tool: [sw_two] This tool call never started. It had no effects.",
    ]);
    expect(flow.model.probe("sw_one").startedAt).toBeUndefined();
    flow.model.script("go on", { text: ["Gladly."] });
    await sendStepwise(flow.client, threadId, "go on", "react").ended;
    expect(outline(await conversation(flow.client, threadId)).slice(4)).toEqual(["human: go on", "ai: Gladly."]);
  });

  it("pauses where its graph asks", async () => {
    const prompt = "may I?";
    const { thread_id: threadId } = await flow.client.threads.create();
    const calls = [{ id: "sw_asked", name: "probe", args: ['{"name":"sw_asked"}'] }];
    flow.model.script(prompt, { calls }, { text: ["Gladly."] });
    const live = sendStepwise(flow.client, threadId, prompt, "approval", { streamMode: ["values", "updates"] });
    await live.ended;
    const paused = events(live.parts, "updates").filter(({ data }) => "__interrupt__" in (data as object));
    expect(paused.map(({ data }) => (data as { __interrupt__: unknown[] }).__interrupt__.length)).toEqual([1]);
    const state = await flow.client.threads.getState(threadId);
    expect(state.next).toEqual(["tools"]);
    expect((await flow.client.threads.get(threadId)).status).toBe("interrupted");
  });

  it("pauses at its creator's own breakpoints, and says so", async () => {
    const prompt = "break";
    const { thread_id: threadId } = await flow.client.threads.create();
    speak(prompt, "draft", "review", "publish");
    const live = sendStepwise(flow.client, threadId, prompt, "pipeline", { interruptAfter: ["review"] });
    await live.ended;
    expect((await flow.client.threads.getState(threadId)).next).toEqual(["publish"]);
    expect(events(live.parts, "updates").map(({ data }) => Object.keys(data as object)[0])).toEqual([
      "draft",
      "review",
      "__interrupt__",
    ]);
    const more = sendStepwise(flow.client, threadId, prompt, "pipeline", { goOn: true });
    await more.ended;
    expect(outline(await conversation(flow.client, threadId)).at(-1)).toBe("ai: publish has spoken.");
  });

  it("goes on from where it was stopped, without input", async () => {
    const prompt = "stop and go on";
    const { thread_id: threadId } = await flow.client.threads.create();
    const calls = [{ id: "sw_again", name: "probe", args: ['{"name":"sw_again"}'] }];
    const reply = { text: ["Let me ", "see."], calls, holdAfter: 1 };
    const script = flow.model.script(prompt, reply, { text: ["Gladly."] });
    sendStepwise(flow.client, threadId, prompt, "react");
    const call = await script.call(0);
    await call.held.opened;
    const answer = stop(flow.proxy.url, threadId);
    await until(async () => expect((await flow.direct.runs.list(threadId)).length).toBe(2));
    call.release();
    expect((await answer).body.tool_calls).toEqual([{ id: "sw_again", name: "probe", fate: "never-started" }]);
    flow.model.probe("sw_again", "a result");
    await sendStepwise(flow.client, threadId, prompt, "react", { goOn: true }).ended;
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      `human: ${prompt}`,
      "ai: Let me see.",
      "tool: [sw_again] a result",
      "ai: Gladly.",
    ]);
  });

  it("holds nobody who reads, while a stop waits for its step", async () => {
    const { threadId, ended, call } = await heldAt(flow, "draft", "read meanwhile");
    const answer = stop(flow.proxy.url, threadId);
    await until(async () => expect(await flagsOn(flow, threadId)).toHaveLength(1));
    const asked = performance.now();
    await flow.client.threads.getState(threadId);
    await flow.client.threads.getHistory(threadId);
    expect((await flow.client.threads.get(threadId)).status).toBe("busy");
    // A stop holds reads for ten seconds at most.
    expect(performance.now() - asked).toBeLessThan(8000);
    call?.release();
    expect((await answer).body.outcome).toBe("stopped");
    await ended;
  });

  it("is driven in the background", async () => {
    const prompt = "background";
    const { thread_id: threadId } = await flow.client.threads.create();
    speak(prompt, "draft", "publish");
    const review = flow.model.script(`review: ${prompt}`, { text: ["review ", "has ", "spoken."], holdAfter: 1 });
    const asked = { input: messageOf(prompt), metadata: { stepwise: true } };
    const { run_id } = await flow.client.runs.create(threadId, "pipeline", asked);
    const call = await review.call(0);
    await call.held.opened;
    expect((await flow.direct.runs.get(threadId, run_id)).status).toBe("success");
    expect((await flow.client.runs.get(threadId, run_id)).status).toBe("running");
    const values = flow.client.runs.join(threadId, run_id);
    call.release();
    expect(await values).toEqual({ messages: await conversation(flow.client, threadId) });
    expect((await flow.client.runs.get(threadId, run_id)).status).toBe("success");
  });

  it("is waited for to its end", async () => {
    const prompt = "waited for";
    const { thread_id: threadId } = await flow.client.threads.create();
    speak(prompt, "draft", "review", "publish");
    const asked = { input: messageOf(prompt), metadata: { stepwise: true } };
    const { messages } = (await flow.client.runs.wait(threadId, "pipeline", asked)) as { messages: [] };
    expect(messages).toEqual(await conversation(flow.client, threadId));
    expect(messages).toHaveLength(4);
  });

  it("lets nobody come between two steps", async () => {
    const prompt = "double";
    const { thread_id: threadId } = await flow.client.threads.create();
    const script = flow.model.script(`draft: ${prompt}`, { text: ["draft ", "has ", "spoken."], holdAfter: 1 });
    speak(prompt, "review", "publish");
    const live = sendStepwise(flow.client, threadId, prompt, "pipeline");
    const call = await script.call(0);
    await call.held.opened;
    flow.model.script("me next", { text: ["Gladly."] });
    const next = sendStepwise(flow.client, threadId, "me next", "react", { multitaskStrategy: "enqueue" });
    const refused = sendStepwise(flow.client, threadId, "not me", "react", { multitaskStrategy: "reject" });
    await expect(refused.ended).rejects.toThrow(/4(09|22)/);
    call.release();
    await Promise.all([live.ended, next.ended]);
    expect(outline(await conversation(flow.client, threadId)).slice(3)).toEqual([
      "ai: publish has spoken.",
      "human: me next",
      "ai: Gladly.",
    ]);
  });

  it("makes way at a boundary for a message that takes its place", async () => {
    const prompt = "give way";
    const { thread_id: threadId } = await flow.client.threads.create();
    const script = flow.model.script(`draft: ${prompt}`, { text: ["draft ", "has ", "spoken."], holdAfter: 1 });
    const live = sendStepwise(flow.client, threadId, prompt, "pipeline");
    const call = await script.call(0);
    await call.held.opened;
    flow.model.script("instead", { text: ["Gladly."] });
    const next = sendStepwise(flow.client, threadId, "instead", "react", { multitaskStrategy: "interrupt" });
    await until(async () => expect((await flow.direct.runs.list(threadId)).length).toBe(2));
    call.release();
    await Promise.all([live.ended, next.ended]);
    expect((await call.closed.opened).early).toBe(false);
    expect(outline(await conversation(flow.client, threadId)).slice(1)).toEqual([
      "ai: draft has spoken.",
      "human: instead",
      "ai: Gladly.",
    ]);
  });

  it.each(["partial", "nothing"] as const)("is rolled back from a boundary, keep %s", async (keep) => {
    const prompt = `roll back ${keep}`;
    const { thread_id: threadId } = await flow.client.threads.create();
    flow.model.script("before it", { text: ["Gladly."] });
    await sendStepwise(flow.client, threadId, "before it", "react").ended;
    const calls = [{ id: `sw_back_${keep}`, name: "probe", args: [`{"name":"sw_back_${keep}"}`] }];
    const again = { text: ["Let me ", "see."], calls };
    const script = flow.model.script(prompt, again, { ...again, text: ["Once more."], holdAfter: 1 });
    flow.model.probe(`sw_back_${keep}`, "a result");
    const live = sendStepwise(flow.client, threadId, prompt, "react");
    const call = await script.call(1);
    await call.held.opened;
    const answer = stop(flow.proxy.url, threadId, { action: "rollback", keep });
    await until(async () => expect(await flow.direct.runs.list(threadId, { status: "pending" })).toHaveLength(1));
    call.release();
    const { body } = await answer;
    expect(body.outcome).toBe("stopped");
    await live.ended;
    expect(outline(await conversation(flow.client, threadId)).slice(2)).toEqual(
      keep === "partial" ? [`human: ${prompt}`, "ai: Let me see.", "ai: Once more."] : [],
    );
    if (keep === "nothing") expect(body.input).toMatchObject(messageOf(prompt));
    flow.model.script(`then ${keep}`, { text: ["Gladly."] });
    await sendStepwise(flow.client, threadId, `then ${keep}`, "react").ended;
    expect(outline(await conversation(flow.client, threadId)).at(-1)).toBe("ai: Gladly.");
  });

  it("is stopped where it would have come to its recursion limit", async () => {
    const prompt = "two steps at most";
    const { thread_id: threadId } = await flow.client.threads.create();
    const [, , publish] = speak(prompt, "draft", "review", "publish");
    const live = sendStepwise(flow.client, threadId, prompt, "pipeline", { config: { recursion_limit: 2 } });
    await live.ended;
    expect(outline(await conversation(flow.client, threadId)).at(-1)).toBe("ai: review has spoken.");
    expect(publish?.calls).toEqual([]);
  });
});
