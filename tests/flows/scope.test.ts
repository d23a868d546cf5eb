import { describe, expect, it, vi } from "vitest";
import { messagesIn, textOf } from "../../proxy/core/message.ts";
import { begin, goesOn, lookAt, spoken, type Turn } from "../helpers/cell.ts";
import { send, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";
import { shapeOf } from "../helpers/shapes.ts";

const flow = useFlow();
vi.setConfig({ testTimeout: 60_000 });

const half: Reply = { text: ["Half ", "of ", "it ", "never said"], holdAfter: 3 };
const how = { action: "interrupt", keep: "partial" } as const;

/** A turn that is held in mid-text, and those that wait behind it. */
async function queue(graph: string, name: string, waiting = ["second", "third"]) {
  const prompt = `${graph}, ${name}`;
  const shape = shapeOf(graph);
  const [first = []] = shape.steps;
  const [speaker = ""] = first;
  const ahead = await begin(flow, shape, prompt, { [speaker]: [half] });
  await (await ahead.scripts.get(speaker)?.call(0))?.held.opened;
  const behind = [];
  for (const nth of waiting) {
    const script = flow.model.script(`${nth}, ${prompt}`, { text: [`The ${nth} one's turn.`] });
    const live = send(flow.client, ahead.threadId, `${nth}, ${prompt}`, { graph, multitaskStrategy: "enqueue" });
    behind.push({ script, live, runId: await live.runId });
  }
  return { ahead, behind, prompts: [prompt, ...waiting.map((nth) => `${nth}, ${prompt}`)] };
}

const accepts = ({ shape, threadId, prompt }: Turn) => goesOn(flow, shape, threadId, `then, ${prompt}`);

describe.concurrent.each(["react", "create_agent", "nested", "pipeline", "approval", "subagent"])("%s", (graph) => {
  it("scope thread, which is the default: none of those who wait starts, and what they were asked stands", async () => {
    const { ahead, behind, prompts } = await queue(graph, "the whole thread");
    const { body } = await stop(flow.proxy.url, ahead.threadId, { scope: "thread" });
    await Promise.all([ahead.live.ended, ...behind.map(({ live }) => live.ended)]);
    expect(body.outcome).toBe("stopped");
    expect(body.run_ids).toEqual([await ahead.live.runId, ...behind.map(({ runId }) => runId)]);
    expect(spoken(await lookAt(flow, ahead, how, body, prompts))).toEqual(["Half of it"]);
    await accepts(ahead);
    expect(behind.flatMap(({ script }) => script.calls)).toEqual([]);
  });

  it("scope run: who waits has its turn, and what was cut is handed back", async () => {
    const { ahead, behind, prompts } = await queue(graph, "one run", ["second"]);
    const { body } = await stop(flow.proxy.url, ahead.threadId, { scope: "run" });
    // Until those have had their turn no server lets anything be written; then it would stand in the wrong place.
    expect(body).toMatchObject({ outcome: "superseded", run_ids: [await ahead.live.runId] });
    expect(body.kept.map(({ content }) => textOf(content))).toEqual(["Half of it"]);
    await Promise.all([ahead.live.ended, ...behind.map(({ live }) => live.ended)]);
    const left = await lookAt(flow, ahead, how, body, prompts);
    const said = left.map(({ content }) => textOf(content));
    expect(said[said.findIndex((text) => text.startsWith("second")) + 1]).toBe("The second one's turn.");
    await accepts(ahead);
  });

  it("undone with all who wait: what each was asked is handed back", async () => {
    const { ahead, behind, prompts } = await queue(graph, "undone");
    const { body } = await stop(flow.proxy.url, ahead.threadId, { action: "rollback", keep: "nothing" });
    await Promise.all([ahead.live.ended, ...behind.map(({ live }) => live.ended)]);
    expect(body.outcome).toBe("stopped");
    const asked = (body.inputs ?? []).map(({ input }) => textOf(messagesIn(asTyped(input), "messages")[0]?.content));
    expect(asked).toEqual(prompts);
    expect(body.inputs?.map(({ run_id }) => run_id)).toEqual(body.run_ids);
    expect(body.input).toEqual(body.inputs?.[0]?.input);
    await lookAt(flow, ahead, { action: "rollback", keep: "nothing" }, body);
    expect(behind.flatMap(({ script }) => script.calls)).toEqual([]);
    await accepts(ahead);
  });
});

/** Input in the roles of OpenAI, as messages. */
const asTyped = (input: unknown) => ({
  messages: (input as { messages: { role: string; content: string }[] }).messages.map(({ content }) => ({
    type: "human",
    content,
  })),
});
