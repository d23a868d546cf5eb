import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { isTool } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, outline, sdk, send, stop } from "../helpers/flow.ts";
import { graphs } from "../helpers/flows-setup.ts";
import { type DevServer, restartable, startDevServer, startPythonServer } from "../helpers/processes.ts";
import { startProxy } from "../helpers/proxy.ts";
import { messageOf, sendStepwise, until } from "../helpers/stepwise.ts";
import { type StrictModel, startStrictModel } from "../helpers/strict-model.ts";

/**
 * The JS server carries a step no further after a restart, though it calls it
 * running; the Python server begins it anew.
 */
const beginsAnew = inject("server") === "python";

let model: StrictModel;
let server: DevServer;
let proxy: Listening;
const turns = new Map<string, Awaited<ReturnType<typeof begin>>>();

/** Each case has a turn of its own; all are cut by one restart. */
const inText = ["is stopped in mid-text", "says the next thing in mid-text"];
const inTools = ["is stopped in its tools", "is undone in its tools", "says the next thing in its tools"];

beforeAll(async () => {
  model = await startStrictModel(inject("modelPort"));
  const env = { OPENAI_BASE_URL: model.url };
  const { react = "" } = graphs;
  const python = process.env.PYTHON_LANGGRAPH;
  server = python ? await startPythonServer(python, env) : await startDevServer({ react }, { ...env, ...restartable });
  proxy = await startProxy(server.url);
  for (const prompt of [...inText, ...inTools]) turns.set(prompt, await begin(prompt));
  await server.restart();
});
afterAll(async () => {
  const { rejected } = model;
  for (const { live } of turns.values()) live.hangUp();
  await proxy.close();
  await server.close();
  await model.close();
  expect(rejected).toEqual([]);
});

const idOf = (prompt: string) => prompt.replaceAll(" ", "_");

/** A turn that is under way: in its first step, or in its second. */
async function begin(prompt: string) {
  const client = sdk(proxy.url);
  const { thread_id: threadId } = await client.threads.create();
  const id = idOf(prompt);
  const calls = [{ id, name: "probe", args: [JSON.stringify({ name: id })] }];
  const asks = { text: ["Let me ", "see."], calls, holdAfter: inText.includes(prompt) ? 1 : undefined };
  const script = model.script(prompt, asks, inText.includes(prompt) ? asks : { text: ["I see."] }, {
    text: ["I see."],
  });
  const live = sendStepwise(client, threadId, prompt, "react");
  // The server goes, and its streams with it.
  live.ended.catch(() => "broken off");
  if (inText.includes(prompt)) await (await script.call(0)).held.opened;
  else await model.probe(id).started.opened;
  return { threadId, live, script, runId: await live.runId };
}

/** The turn, as far as it has come again after the restart. */
async function afterRestart(prompt: string) {
  const turn = turns.get(prompt) as Awaited<ReturnType<typeof begin>>;
  const running = await sdk(server.url).runs.list(turn.threadId, { status: "running" });
  if (!beginsAnew) expect(running).toHaveLength(1);
  if (beginsAnew && inText.includes(prompt)) await (await turn.script.call(1)).held.opened;
  return turn;
}

/** Lets the step that the server has begun anew come to its end, once the stop is asked for. */
async function letEnd(prompt: string, asked: () => Promise<unknown>) {
  if (!beginsAnew) return;
  await until(asked);
  if (inText.includes(prompt)) (await turns.get(prompt)?.script.call(1))?.release();
  else model.probe(idOf(prompt)).answer("found");
}

const isFlagged = (threadId: string) => async () =>
  expect(await sdk(server.url).runs.list(threadId, { status: "pending" })).toHaveLength(1);

const said = async (threadId: string) => outline(await conversation(sdk(server.url), threadId));

/** The next message, which has no strategy, is answered. */
async function goesOn(threadId: string, prompt: string) {
  model.script(`after: ${prompt}`, { text: ["Gladly."] });
  await send(sdk(proxy.url), threadId, `after: ${prompt}`, { graph: "react" }).ended;
  expect((await said(threadId)).slice(-2)).toEqual([`human: after: ${prompt}`, "ai: Gladly."]);
}

describe.concurrent("a run that is driven step by step, and whose server was restarted", { timeout: 90_000 }, () => {
  it("is stopped in mid-text", async ({ task: { name } }) => {
    const { threadId, runId } = await afterRestart(name);
    const answer = stop(proxy.url, threadId);
    await letEnd(name, isFlagged(threadId));
    expect((await answer).body).toMatchObject({ outcome: "stopped", run_ids: [runId] });
    const never = `tool: [${idOf(name)}] This tool call never started. It had no effects.`;
    expect(await said(threadId)).toEqual([`human: ${name}`, ...(beginsAnew ? ["ai: Let me see.", never] : [])]);
    await goesOn(threadId, name);
  });

  it("is stopped in its tools", async ({ task: { name } }) => {
    const { threadId, runId } = await afterRestart(name);
    const answer = stop(proxy.url, threadId);
    await letEnd(name, isFlagged(threadId));
    const { body } = await answer;
    expect(body).toMatchObject({ outcome: "stopped", run_ids: [runId] });
    const fates = beginsAnew ? [] : [{ id: idOf(name), name: "probe", fate: "cut" }];
    expect(body.tool_calls).toEqual(fates);
    const [, reply, result] = await said(threadId);
    expect(reply).toBe("ai: Let me see.");
    expect(result).toMatch(beginsAnew ? /found$/ : /This tool call was cut off before it returned/);
    await goesOn(threadId, name);
  });

  it("is undone in its tools", async ({ task: { name } }) => {
    const { threadId } = await afterRestart(name);
    const answer = stop(proxy.url, threadId, { action: "rollback", keep: "nothing" });
    await letEnd(name, isFlagged(threadId));
    expect((await answer).body).toMatchObject({ outcome: "stopped", input: messageOf(name) });
    expect(await said(threadId)).toEqual([]);
    await goesOn(threadId, name);
  });

  it("says the next thing in mid-text", async ({ task: { name } }) => {
    const { threadId, script } = await afterRestart(name);
    if (beginsAnew) (await script.call(1)).release();
    if (beginsAnew) model.probe(idOf(name)).answer("found");
    await goesOn(threadId, name);
    expect((await said(threadId))[0]).toBe(`human: ${name}`);
  });

  it("says the next thing in its tools", async ({ task: { name } }) => {
    const { threadId } = await afterRestart(name);
    if (beginsAnew) model.probe(idOf(name)).answer("found");
    await goesOn(threadId, name);
    const messages = await conversation(sdk(server.url), threadId);
    expect(messages.filter(isTool).map(({ content }) => content)).toEqual([
      beginsAnew ? "found" : expect.stringMatching(/^This tool call was cut off before it returned/),
    ]);
  });
});
