import type { Thread } from "@langchain/langgraph-sdk";
import { describe, expect, it, vi } from "vitest";
import { goesOn, wholeTurn } from "../helpers/cell.ts";
import { send, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";
import { inputFor, type Shape, shapeOf, speech } from "../helpers/shapes.ts";
import { flagsOn, messageOf, sendStepwise, until } from "../helpers/stepwise.ts";

const flow = useFlow();
vi.setConfig({ testTimeout: 60_000 });

const half: Reply = { text: ["Half ", "of ", "it ", "never said"], holdAfter: 3 };
const undo = { action: "rollback", keep: "nothing" };

/** All that is known of the thread and its past, checkpoint for checkpoint. */
async function everything(threadId: string) {
  const { values, next } = await flow.direct.threads.getState(threadId);
  const {
    status,
    values: shown = null,
    interrupts,
    error,
  } = (await flow.client.threads.get(threadId)) as Thread & {
    error?: unknown;
  };
  const record = { status, values: shown, interrupts: interrupts ?? {}, error: error ?? null };
  return { values, next, record, history: await flow.direct.threads.getHistory(threadId, { limit: 1000 }) };
}

/** Begins a turn that comes to where it is to be undone: in mid-text, or in a tool. */
async function reach(shape: Shape, threadId: string, prompt: string, where: string) {
  const id = prompt.replaceAll(/[^\w-]+/g, "-");
  const probe = flow.model.probe(id);
  const asks = { text: ["Let me ask."], calls: [{ id, name: "probe", args: [JSON.stringify({ name: id })] }] };
  const [last = ""] = (where === "in the last step" ? shape.steps.at(-1) : shape.steps[0]) ?? [];
  for (const speaker of shape.steps.flat()) flow.model.script(`${speaker}: ${prompt}`, { text: [speech(speaker)] });
  const script = flow.model.script(`${last}: ${prompt}`, where === "in its tools" ? asks : half);
  const live = send(flow.client, threadId, prompt, { graph: shape.graph, streamSubgraphs: true });
  const call = await script.call(0);
  await (where === "in its tools" ? probe.started.opened : call.held.opened);
  return live;
}

const places = [
  { graph: "react", where: "in mid-text" },
  { graph: "react", where: "in its tools" },
  { graph: "create_agent", where: "in its tools" },
  { graph: "nested", where: "in its tools" },
  { graph: "nested", where: "in the last step" },
  { graph: "pipeline", where: "in the last step" },
  { graph: "approval", where: "in mid-text" },
  { graph: "subagent", where: "in its tools" },
];

describe.concurrent.each(["a new thread", "a thread with a past"])("a turn is undone on %s", (on) => {
  it.each(places)("$graph, $where: nothing of it is left", async ({ graph, where }) => {
    const shape = shapeOf(graph);
    const prompt = `${graph} undone ${where} on ${on}`;
    const { thread_id: threadId } = await flow.client.threads.create();
    if (on === "a thread with a past") await wholeTurn(flow, shape, threadId, `earlier, ${prompt}`);
    const before = await everything(threadId);
    const live = await reach(shape, threadId, prompt, where);
    const { body } = await stop(flow.proxy.url, threadId, undo);
    await live.ended;
    expect(body).toMatchObject({ outcome: "stopped", kept: [], input: inputFor(shape, prompt) });
    const after = await everything(threadId);
    expect(after).toEqual(before);
    expect(await flow.client.runs.list(threadId)).toHaveLength(on === "a new thread" ? 0 : 1);
    expect((await stop(flow.proxy.url, threadId, undo)).body).toEqual(body);
    await goesOn(flow, shape, threadId, `then, ${prompt}`);
  });
});

describe.concurrent.each(["a new thread", "a thread with a past"])(
  "a turn that is driven step by step, on %s",
  (on) => {
    it.each(["its reply", "its tools", "its last reply"])(
      "is undone after %s: nothing of it is left",
      async (place) => {
        const shape = shapeOf("react");
        const prompt = `undone after ${place}, step by step, on ${on}`;
        const id = prompt.replaceAll(/[^\w-]+/g, "-");
        const { thread_id: threadId } = await flow.client.threads.create();
        if (on === "a thread with a past") await wholeTurn(flow, shape, threadId, `earlier, ${prompt}`);
        const before = await everything(threadId);
        const calls = [{ id, name: "probe", args: [JSON.stringify({ name: id })] }];
        const asks = (isHeld: boolean) => ({ text: ["Let me ", "ask."], calls, holdAfter: isHeld ? 1 : undefined });
        const script = flow.model.script(prompt, asks(place === "its reply"), asks(place === "its last reply"));
        const probe = flow.model.probe(id, place === "its last reply" ? "found" : undefined);
        const live = sendStepwise(flow.client, threadId, prompt, "react");
        if (place === "its tools") await probe.started.opened;
        else await (await script.call(place === "its reply" ? 0 : 1)).held.opened;
        const answer = stop(flow.proxy.url, threadId, undo);
        await until(async () => expect(await flagsOn(flow, threadId)).toHaveLength(1));
        probe.answer("found");
        for (const call of script.calls) call.release();
        const { body } = await answer;
        await live.ended;
        expect(body).toMatchObject({ outcome: "stopped", kept: [], input: messageOf(prompt) });
        expect(await everything(threadId)).toEqual(before);
        expect(await flow.client.runs.list(threadId)).toHaveLength(on === "a new thread" ? 0 : 1);
        await goesOn(flow, shape, threadId, `then, ${prompt}`);
      },
    );
  },
);
