import type { Client } from "@langchain/langgraph-sdk";
import { describe, expect, it, vi } from "vitest";
import { conversation, type Live, outline, shownIn, stop, useFlow } from "../helpers/flow.ts";
import { gate } from "../helpers/gate.ts";

const flow = useFlow();

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 25_000 });

/** A message whose run is driven step by step. */
function sendStepwise(
  client: Client,
  threadId: string,
  text: string,
  graph: string,
  streamMode = ["values", "messages-tuple", "updates"],
) {
  const runId = gate<string>();
  const parts: Live["parts"] = [];
  const read = async () => {
    const stream = client.runs.stream(threadId, graph, {
      input: { messages: [{ role: "user", content: text }] },
      metadata: { stepwise: true },
      streamMode: streamMode as never,
      onRunCreated: ({ run_id }) => runId.open(run_id),
    });
    for await (const part of stream) parts.push(part as Live["parts"][number]);
  };
  return { threadId, runId: runId.opened, parts, ended: read() };
}

const events = (parts: Live["parts"], name: string) => parts.filter(({ event }) => event === name);
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
    const live = sendStepwise(flow.client, threadId, prompt, "approval", ["values", "updates"]);
    await live.ended;
    const paused = events(live.parts, "updates").filter(({ data }) => "__interrupt__" in (data as object));
    expect(paused.map(({ data }) => (data as { __interrupt__: unknown[] }).__interrupt__.length)).toEqual([1]);
    const state = await flow.client.threads.getState(threadId);
    expect(state.next).toEqual(["tools"]);
    expect((await flow.client.threads.get(threadId)).status).toBe("interrupted");
  });
});
