import { describe, expect, it, vi } from "vitest";
import { conversation, outline, stop, useFlow } from "../helpers/flow.ts";
import { flagsOn, heldAt, sendStepwise, speakInTurn, spokenBy, until } from "../helpers/stepwise.ts";

const flow = useFlow();
vi.setConfig({ testTimeout: 60_000 });

/** Adds a message of a human's in the name of a node, as an editor does. */
const edit = (threadId: string, asNode: string, id: string) =>
  flow.client.threads.updateState(threadId, {
    values: { messages: [{ type: "human", content: "An edit.", id }] },
    asNode,
  });

const stateOf = async (threadId: string) => {
  const { values, next } = await flow.direct.threads.getState(threadId);
  return { said: outline((values as { messages: [] }).messages).slice(1), next };
};

/** Whoever looks at a run that is not at its end, and nobody drives, drives it on; this one is to be left as it is. */
async function isLeftAlone(threadId: string, runId: string, status: string) {
  expect((await flow.client.runs.get(threadId, runId)).status).toBe("success");
  expect((await flow.client.threads.get(threadId)).status).toBe(status);
  await flow.client.runs.join(threadId, runId);
}

describe.concurrent("a pause that somebody has written to", () => {
  it("is his to go on from: at a breakpoint of the run's creator", async () => {
    const prompt = "edited at a breakpoint";
    const { thread_id: threadId } = await flow.client.threads.create();
    const { publish } = speakInTurn(flow, prompt);
    const live = sendStepwise(flow.client, threadId, prompt, "pipeline", { interruptAfter: ["review"] });
    await live.ended;
    await isLeftAlone(threadId, await live.runId, "interrupted");
    await edit(threadId, "review", "edit-at-a-breakpoint");
    const { status } = await flow.direct.threads.get(threadId);
    await isLeftAlone(threadId, await live.runId, status);
    expect(await stateOf(threadId)).toEqual({
      said: [...spokenBy("draft", "review"), "human: An edit."],
      next: ["publish"],
    });
    expect(publish?.calls).toEqual([]);
    flow.model.script("publish: An edit.", { text: ["Published."] });
    await sendStepwise(flow.client, threadId, prompt, "pipeline", { goOn: true }).ended;
    expect((await stateOf(threadId)).said.at(-1)).toBe("ai: Published.");
  });

  it("is his to go on from: a run that was stopped, and its thread forked", async () => {
    const prompt = "stopped and forked";
    const { threadId, ended, call, runId, scripts } = await heldAt(flow, "draft", prompt);
    const answer = stop(flow.proxy.url, threadId);
    await until(async () => expect(await flagsOn(flow, threadId)).toHaveLength(1));
    call?.release();
    await Promise.all([answer, ended]);
    await edit(threadId, "draft", "edit-of-a-fork");
    const { status } = await flow.direct.threads.get(threadId);
    await isLeftAlone(threadId, runId, status);
    expect(await stateOf(threadId)).toEqual({ said: [...spokenBy("draft"), "human: An edit."], next: ["review"] });
    expect(scripts.review?.calls).toEqual([]);
  });
});

/** A run that has come to a question, in its second step. */
async function asked(prompt: string) {
  const { thread_id: threadId } = await flow.client.threads.create();
  const id = prompt.replaceAll(" ", "_");
  const calls = [{ id, name: "probe", args: [JSON.stringify({ name: id })] }];
  flow.model.script(prompt, { text: ["May I?"], calls }, { text: ["Thank you."] });
  const live = sendStepwise(flow.client, threadId, prompt, "approval");
  await live.ended;
  expect((await flow.direct.threads.getState(threadId)).next).toEqual(["tools"]);
  return { threadId, id, runId: await live.runId };
}

describe.concurrent("a question in the middle of it", () => {
  it("is answered: the run that goes on is driven, too", async () => {
    const prompt = "asked and resumed";
    const { threadId, id } = await asked(prompt);
    flow.model.probe(id, "a result");
    const resumed = sendStepwise(flow.client, threadId, prompt, "approval", { command: { resume: "yes" } });
    await resumed.ended;
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      `human: ${prompt}`,
      "ai: May I?",
      `tool: [${id}] a result`,
      "ai: Thank you.",
    ]);
    expect((await flow.client.runs.get(threadId, await resumed.runId)).status).toBe("success");
    // A step for the tools and one for the reply.
    const steps = await flow.direct.runs.list(threadId, { limit: 100 });
    expect(steps.filter(({ metadata }) => metadata && "stepwise" in metadata)).toHaveLength(4);
  });

  it("is answered, and then stopped after its tools", async () => {
    const prompt = "asked, resumed, stopped";
    const { threadId, id } = await asked(prompt);
    const probe = flow.model.probe(id);
    const resumed = sendStepwise(flow.client, threadId, prompt, "approval", { command: { resume: "yes" } });
    await probe.started.opened;
    const answer = stop(flow.proxy.url, threadId);
    await until(async () => expect(await flagsOn(flow, threadId)).toHaveLength(1));
    probe.answer("a result");
    expect((await answer).body).toMatchObject({ outcome: "stopped", run_ids: [await resumed.runId] });
    await resumed.ended;
    expect(outline(await conversation(flow.client, threadId)).slice(1)).toEqual([
      "ai: May I?",
      `tool: [${id}] a result`,
    ]);
    expect(probe.hungUpAt).toBeUndefined();
  });

  it("is dismissed: its call never started, and it is the whole run that was stopped", async () => {
    const prompt = "asked and dismissed";
    const { threadId, id, runId } = await asked(prompt);
    const { body } = await stop(flow.proxy.url, threadId, { dismiss: true });
    expect(body).toMatchObject({ outcome: "stopped", run_ids: [runId] });
    expect(body.tool_calls).toEqual([{ id, name: "probe", fate: "never-started" }]);
    expect((await stop(flow.proxy.url, threadId, { dismiss: true })).body).toEqual(body);
    expect((await flow.client.threads.get(threadId)).status).toBe("idle");
    flow.model.script("then something else", { text: ["Gladly."] });
    await sendStepwise(flow.client, threadId, "then something else", "approval").ended;
    expect(outline(await conversation(flow.client, threadId)).slice(-2)).toEqual([
      "human: then something else",
      "ai: Gladly.",
    ]);
  });

  it("stays without dismiss", async () => {
    const { threadId } = await asked("asked and left");
    const before = await flow.client.threads.getState(threadId);
    expect((await stop(flow.proxy.url, threadId)).body.outcome).toBe("idle");
    expect(await flow.client.threads.getState(threadId)).toEqual(before);
  });
});
