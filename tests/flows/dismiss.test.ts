import { describe, expect, it } from "vitest";
import { isTool, type Message } from "../../proxy/core/message.ts";
import { actions, goesOn, spoken } from "../helpers/cell.ts";
import { conversation, send, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";
import { inputFor, type Shape, speech } from "../helpers/shapes.ts";

const flow = useFlow();

const never = /^This tool call never started\./;
const cut = /^This tool call was cut off before it returned\./;

/** A reply that calls these tools, each by a name that no other test has. */
function calling(prompt: string, ...tools: string[]): { ids: string[]; reply: Reply } {
  const ids = tools.map((_, n) => `${prompt}: call ${n + 1}`.replaceAll(/[^\w-]+/g, "-"));
  const calls = tools.map((name, n) => ({ id: ids[n] ?? "", name, args: [JSON.stringify({ name: ids[n] })] }));
  return { ids, reply: { text: ["May I? "], calls } };
}

/** A turn of the graph that has come to its pause. */
async function paused(graph: string, prompt: string, reply: Reply, speaker = "agent") {
  const shape: Shape = { graph, steps: [] };
  const { thread_id: threadId } = await flow.client.threads.create();
  flow.model.script(`${speaker}: ${prompt}`, reply);
  const asked = { graph, input: inputFor(shape, prompt), streamSubgraphs: true };
  const live = send(flow.client, threadId, prompt, asked);
  await live.ended;
  const state = await flow.client.threads.getState(threadId);
  expect(state.tasks.flatMap(({ interrupts }) => interrupts)).not.toEqual([]);
  return { shape, threadId, state, runId: await live.runId };
}

const answers = (messages: Message[]) => messages.filter(isTool).map(({ content }) => String(content));

/** The next message is answered, by the whole graph where it doesn't pause again. */
async function accepts(threadId: string, graph: string, prompt: string): Promise<void> {
  const before = await conversation(flow.client, threadId);
  const pauses = graph === "pausing_pipeline";
  if (!pauses) return await goesOn(flow, { graph, steps: [] }, threadId, prompt);
  flow.model.script(prompt, { text: ["Very well."] });
  const live = send(flow.client, threadId, prompt, { graph });
  await live.ended;
  expect(live.parts.filter(({ event }) => event === "error")).toEqual([]);
  const { values } = await flow.client.threads.getState(threadId);
  const after = (values as { messages: Message[] }).messages;
  expect(after.slice(0, before.length)).toEqual(before);
}

describe.concurrent("a turn that waits for an approval", () => {
  const graphs = [
    { graph: "approval", tools: ["probe"] },
    { graph: "approval", tools: ["probe", "probe"] },
    { graph: "nested_approval", tools: ["probe", "probe"] },
    { graph: "hitl", tools: ["probe"] },
    { graph: "hitl", tools: ["look", "probe"] },
    { graph: "deep_hitl", tools: ["probe"] },
    { graph: "deep_hitl", tools: ["look", "probe"] },
  ];

  it.each(graphs)("is dismissed: $graph, $tools", async ({ graph, tools }) => {
    const prompt = `${graph} ${tools} dismissed`;
    const { ids, reply } = calling(prompt, ...tools);
    const probes = ids.map((id) => flow.model.probe(id));
    const { threadId, runId } = await paused(graph, prompt, reply);
    const { body } = await stop(flow.proxy.url, threadId, { scope: "thread", dismiss: true });
    expect(body).toMatchObject({ outcome: "stopped", run_ids: [runId] });
    expect(body.tool_calls).toEqual(ids.map((id, n) => ({ id, name: tools[n], fate: "never-started" })));
    const messages = await conversation(flow.client, threadId);
    expect(messages.map(({ type }) => type)).toEqual(["human", "ai", ...ids.map(() => "tool")]);
    expect(spoken(messages)).toEqual(["May I? "]);
    expect(messages[1]?.response_metadata?.stopped).toBeUndefined();
    expect(answers(messages)).toEqual(ids.map(() => expect.stringMatching(never)));
    expect(await stop(flow.proxy.url, threadId, { dismiss: true })).toMatchObject({ body });
    expect((await flow.client.threads.get(threadId)).status).toBe("idle");
    await accepts(threadId, graph, `then, ${prompt}`);
    expect(probes.map(({ startedAt }) => startedAt)).toEqual(ids.map(() => undefined));
  });

  it.each(actions)("stays without dismiss: hitl, $action, keep $keep", async (how) => {
    const prompt = `hitl waits, ${how.action} ${how.keep}`;
    const { ids, reply } = calling(prompt, "probe");
    const { threadId, state } = await paused("hitl", prompt, reply);
    expect((await stop(flow.proxy.url, threadId, how)).body).toMatchObject({ outcome: "idle", tool_calls: [] });
    expect(await flow.client.threads.getState(threadId)).toEqual(state);
    expect((await stop(flow.proxy.url, threadId, { dismiss: true })).body.tool_calls).toMatchObject([{ id: ids[0] }]);
    await accepts(threadId, "hitl", `then, ${prompt}`);
  });

  it("without a call is let go, and what was said stays", async () => {
    const prompt = "a draft that is dismissed";
    const { threadId } = await paused("pausing_pipeline", prompt, { text: [speech("draft")] }, "draft");
    const { body } = await stop(flow.proxy.url, threadId, { dismiss: true });
    expect(body).toMatchObject({ outcome: "stopped", tool_calls: [] });
    expect(spoken(await conversation(flow.client, threadId))).toEqual([speech("draft")]);
    await accepts(threadId, "pausing_pipeline", `then, ${prompt}`);
  });

  it("in the middle of a tool: what ran is not said never to have started", async () => {
    const prompt = "one works, one asks";
    const { ids, reply } = calling(prompt, "probe", "inquire");
    flow.model.probe(ids[0] ?? "");
    const { threadId } = await paused("asking_tool", prompt, reply);
    const { body } = await stop(flow.proxy.url, threadId, { dismiss: true });
    const messages = await conversation(flow.client, threadId);
    expect(body.tool_calls.map(({ fate }) => fate)).toEqual(["cut", "cut"]);
    expect(answers(messages)).toEqual([expect.stringMatching(cut), expect.stringMatching(cut)]);
    await accepts(threadId, "asking_tool", `then, ${prompt}`);
  });

  it("is dismissed on a thread with a long past", async () => {
    const prompt = "after a long past";
    const { ids, reply } = calling(prompt, "probe");
    const { thread_id: threadId } = await flow.client.threads.create();
    const script = flow.model.script("a long past", { text: ["Half ", "of it."], holdAfter: 1 });
    const asked = {
      input: { messages: [{ role: "user", content: "a long past" }] },
      multitaskStrategy: "enqueue",
    } as const;
    const held = await flow.direct.runs.create(threadId, "hitl", asked);
    await (await script.call(0)).held.opened;
    const queued = await Promise.all(
      Array.from({ length: 105 }, () => flow.direct.runs.create(threadId, "hitl", asked)),
    );
    await Promise.all(queued.map(({ run_id }) => flow.direct.runs.cancel(threadId, run_id)));
    (await script.call(0)).release();
    await flow.direct.runs.join(threadId, held.run_id);
    flow.model.script(prompt, reply);
    const live = send(flow.client, threadId, prompt, { graph: "hitl" });
    await live.ended;
    const { body } = await stop(flow.proxy.url, threadId, { dismiss: true });
    expect(body).toMatchObject({ outcome: "stopped", run_ids: [await live.runId] });
    expect(body.tool_calls).toMatchObject([{ id: ids[0], fate: "never-started" }]);
    await conversation(flow.client, threadId);
  });

  it("that nothing waits in: it is idle", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    expect((await stop(flow.proxy.url, threadId, { dismiss: true })).body.outcome).toBe("idle");
  });
});
