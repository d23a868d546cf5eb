import { expect, inject, it } from "vitest";
import { messagesIn } from "../../proxy/core/message.ts";
import { spoken } from "../helpers/cell.ts";
import { conversation, outline, runStart, send, stop, useFlow } from "../helpers/flow.ts";
import { inputFor, keyOf, shapes } from "../helpers/shapes.ts";

const flow = useFlow();
const server = inject("server");

async function start(
  prompt: string,
  graph = "react",
  input: object = { messages: [{ role: "user", content: prompt }] },
) {
  const { thread_id: threadId } = await flow.client.threads.create();
  return { threadId, runId: await runStart(flow.proxy.url, threadId, { assistant_id: graph, input }) };
}

async function goesOn(threadId: string, prompt: string) {
  flow.model.script(prompt, { text: ["Gladly."] });
  await send(flow.client, threadId, prompt, { graph: "react" }).ended;
  expect(outline(await conversation(flow.client, threadId)).at(-1)).toBe("ai: Gladly.");
}

it("keeps the text of a v2-protocol run, reasoning and tools before it included", async () => {
  const calls = [{ id: "v2_call", name: "probe", args: ['{"na', 'me":"v2"}'] }];
  const script = flow.model.script(
    "speak v2",
    { reasoning: ["Hm."], text: ["Let me ", "ask."], calls },
    { reasoning: ["So."], text: ["It is 🐉 ", "half ", "said"], holdAfter: 3 },
  );
  flow.model.probe("v2", "a dragon");
  const { threadId, runId } = await start("speak v2");
  await (await script.call(1)).held.opened;
  const { body } = await stop(flow.proxy.url, threadId);
  expect(body).toMatchObject({ outcome: "stopped", run_ids: [runId] });
  const messages = await conversation(flow.client, threadId);
  expect(messages).toHaveLength(4);
  expect(messages[2]).toMatchObject({ type: "tool", content: "a dragon" });
  expect(messages[3]).toMatchObject({ content: "It is 🐉 half", response_metadata: { stopped: { run_id: runId } } });
  await goesOn(threadId, "after v2");
});

const steps = shapes
  .filter(({ graph }) => graph !== "no_conversation")
  .flatMap((shape) => shape.steps.map((speakers) => [shape, speakers] as const));

it.each(steps.map(([shape, speakers]) => [shape.graph, speakers.join(" and "), shape, speakers] as const))(
  "keeps of a v2-protocol run of %s what %s said, if it is the conversation's",
  async (graph, _, shape, speakers) => {
    const prompt = `v2 ${graph} ${speakers}`;
    const held = speakers.map((speaker) =>
      flow.model.script(`${speaker}: ${prompt}`, { text: ["Once ", `upon_${speaker} `, "a time."], holdAfter: 2 }),
    );
    flow.model.script(prompt, { text: ["Very well."] });
    const { threadId, runId } = await start(prompt, graph, inputFor(shape, prompt));
    for (const script of held) await (await script.call(0)).held.opened;
    await told(
      threadId,
      runId,
      speakers.map((speaker) => `upon_${speaker} `),
    );
    const { body } = await stop(flow.proxy.url, threadId);
    expect(body.outcome).toBe("stopped");
    const { values, next } = await flow.client.threads.getState(threadId);
    expect(next).toEqual([]);
    const said = spoken(messagesIn(values, keyOf(shape))).filter((text) => text.startsWith("Once "));
    const kept = speakers.filter((speaker) => !shape.inward?.includes(speaker)).map((speaker) => `upon_${speaker}`);
    // The Python server does not say which of two who speak at once it is: all their words are the later one's.
    if (speakers.length > 1 && server === "python") for (const word of kept) expect(said.join(" ")).toContain(word);
    else expect(said.sort()).toEqual(kept.map((word) => `Once ${word}`).sort());
  },
);

/** On the Python server a stream tells of tools where the graph was compiled to do so: their fates are then in nothing but its events. */
const tellers: [graph: string, tells: boolean][] =
  server === "js"
    ? [
        ["react", true],
        ["nested", true],
        ["inner_graph", true],
      ]
    : [
        ["telling", true],
        ["react", false],
        ["nested", false],
        ["inner_graph", false],
      ];

it.each(tellers)("tells the fates of the calls of %s by its own events: %s", async (graph, tells) => {
  const ids = ["done", "failed", "hanging"].map((name) => `v2_${graph}_${name}`) as [string, string, string];
  const calls = ids.map((id) => ({ id, name: "probe", args: [`{"name":"${id}"}`] }));
  flow.model.script(`call v2 ${graph}`, { calls });
  flow.model.probe(ids[0], "done");
  flow.model.probe(ids[1]).fail();
  const { threadId, runId } = await start(`call v2 ${graph}`, graph);
  await Promise.all(ids.map((id) => flow.model.probe(id).started.opened));
  if (tells) await told(threadId, runId, ["tool-finished", "tool-error"]);
  const { body } = await stop(flow.proxy.url, threadId);
  expect(body.tool_calls.map(({ id, fate }) => [id, fate])).toEqual([
    [ids[0], tells ? "finished" : "cut"],
    [ids[1], tells ? "finished" : "cut"],
    [ids[2], "cut"],
  ]);
  const answers = (await conversation(flow.client, threadId)).filter(({ type }) => type === "tool");
  if (tells) expect(answers.slice(0, 2)).toMatchObject([{ content: "done" }, { status: "error" }]);
  if (tells) expect(answers[1]?.content).toMatch(/^This tool call failed: (It does not work|Server error .500)/);
  for (const { content } of tells ? answers.slice(2) : answers) expect(content).toMatch(/cut off/);
  await goesOn(threadId, `after the v2 calls of ${graph}`);
});

/** Resolves when the run's stream has told all of this. */
async function told(threadId: string, runId: string, events: string[]): Promise<void> {
  const awaited = new Set(events);
  const seen = new AbortController();
  const stream = flow.direct.runs.joinStream(threadId, runId, { lastEventId: "-1", signal: seen.signal });
  for await (const part of stream) {
    for (const event of awaited) if (JSON.stringify(part).includes(event)) awaited.delete(event);
    if (awaited.size === 0) break;
  }
  seen.abort();
  expect([...awaited]).toEqual([]);
}
