import { expect, inject, it } from "vitest";
import { conversation, outline, runStart, send, stop, useFlow } from "../helpers/flow.ts";

const flow = useFlow();

async function start(prompt: string) {
  const { thread_id: threadId } = await flow.client.threads.create();
  const input = { messages: [{ role: "user", content: prompt }] };
  return { threadId, runId: await runStart(flow.proxy.url, threadId, { assistant_id: "react", input }) };
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

it("tells the fates of a v2-protocol run's calls", async () => {
  const calls = ["v2_a", "v2_b"].map((id) => ({ id, name: "probe", args: [`{"name":"${id}"}`] }));
  flow.model.script("call v2", { calls });
  flow.model.probe("v2_a", "done");
  const { threadId, runId } = await start("call v2");
  await flow.model.probe("v2_b").started.opened;
  const exact = inject("server") === "js";
  for await (const { data } of flow.client.runs.joinStream(threadId, runId, { lastEventId: "-1" })) {
    // Python tells of no tool; the stop then comes in the middle of the stream.
    if (!exact || (data as { event?: string }).event === "tool-finished") break;
  }
  const { body } = await stop(flow.proxy.url, threadId);
  expect(body.tool_calls).toMatchObject([
    { id: "v2_a", fate: exact ? "finished" : "cut" },
    { id: "v2_b", fate: "cut" },
  ]);
  await goesOn(threadId, "after the v2 calls");
});
