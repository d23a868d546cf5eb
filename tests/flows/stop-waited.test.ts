import { expect, it } from "vitest";
import { conversation, outline, send, stop, useFlow } from "../helpers/flow.ts";

const flow = useFlow();

const asks = (prompt: string) => ({ input: { messages: [{ role: "user", content: prompt }] } });

async function keepsAndGoesOn(threadId: string, prompt: string) {
  expect(outline(await conversation(flow.client, threadId))).toEqual([`human: ${prompt}`, "ai: Once upon"]);
  flow.model.script(`after: ${prompt}`, { text: ["Gladly."] });
  await send(flow.client, threadId, `after: ${prompt}`, { graph: "react" }).ended;
  expect(outline(await conversation(flow.client, threadId)).at(-1)).toBe("ai: Gladly.");
}

it("a run that is waited for keeps its text when it is stopped", async () => {
  const prompt = "somebody waits";
  const { thread_id: threadId } = await flow.client.threads.create();
  const script = flow.model.script(prompt, { text: ["Once ", "upon ", "a time."], holdAfter: 2 });
  const waiting = flow.client.runs.wait(threadId, "react", { ...asks(prompt), raiseError: false });
  await (await script.call(0)).held.opened;
  const { body } = await stop(flow.proxy.url, threadId);
  expect(body).toMatchObject({ outcome: "stopped", kept: [{ content: "Once upon" }] });
  await waiting;
  await keepsAndGoesOn(threadId, prompt);
});

it("a run that is joined before it begins keeps its text when it is stopped", async () => {
  const prompt = "somebody joins";
  const { thread_id: threadId } = await flow.client.threads.create();
  const first = flow.model.script("first of two", { text: ["At ", "once."], holdAfter: 1 });
  const live = send(flow.client, threadId, "first of two", { graph: "react" });
  const call = await first.call(0);
  const script = flow.model.script(prompt, { text: ["Once ", "upon ", "a time."], holdAfter: 2 });
  const queued = { ...asks(prompt), multitaskStrategy: "enqueue" as const };
  const { run_id: runId } = await flow.client.runs.create(threadId, "react", queued);
  const joining = flow.client.runs.join(threadId, runId);
  // Asked after it, so that it waits at the server by now.
  await flow.client.runs.get(threadId, runId);
  call.release();
  await live.ended;
  await (await script.call(0)).held.opened;
  expect((await stop(flow.proxy.url, threadId)).body).toMatchObject({ outcome: "stopped" });
  await joining;
  expect(outline(await conversation(flow.client, threadId)).slice(2)).toEqual([`human: ${prompt}`, "ai: Once upon"]);
});
