import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, type Live, outline, sdk, send, stop } from "../helpers/flow.ts";
import { graphs } from "../helpers/flows-setup.ts";
import type { Script } from "../helpers/model/script.ts";
import { type DevServer, restartable, startDevServer, startPythonServer } from "../helpers/processes.ts";
import { startProxy } from "../helpers/proxy.ts";
import { type StrictModel, startStrictModel } from "../helpers/strict-model.ts";

/**
 * After a restart the JS server has its threads again, and carries its runs
 * out no further, though it calls them running; nor has it what they had
 * streamed. The Python server begins them anew.
 */
const beginsAnew = inject("server") === "python";
const text = ["Once ", "upon ", "a ", "time."];
const kept = "ai: Once upon";

interface Turn {
  threadId: string;
  runId: string;
  live: Live;
  script: Script;
}

let model: StrictModel;
let server: DevServer;
let proxy: Listening;
const turns = new Map<string, Turn>();

/** Each case has a turn of its own; all are cut by one restart. */
const inMidText = ["is stopped", "is undone", "is cancelled", "says the next thing", "takes its turn"];
const inTools = ["is stopped in its tools", "says the next thing in its tools"];

beforeAll(async () => {
  model = await startStrictModel(inject("modelPort"));
  const env = { OPENAI_BASE_URL: model.url };
  const { react = "" } = graphs;
  const python = process.env.PYTHON_LANGGRAPH;
  server = python ? await startPythonServer(python, env) : await startDevServer({ react }, { ...env, ...restartable });
  proxy = await startProxy(server.url);
  await Promise.all([...inMidText, ...inTools].map(begin));
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

const callId = (prompt: string) => prompt.replaceAll(" ", "_");

/** A turn that is under way: two words have been said, or its tool has begun. */
async function begin(prompt: string): Promise<void> {
  const client = sdk(proxy.url);
  const { thread_id: threadId } = await client.threads.create();
  const id = callId(prompt);
  const calls = [{ id, name: "probe", args: [JSON.stringify({ name: id })] }];
  const isInTools = inTools.includes(prompt);
  const script = isInTools
    ? model.script(prompt, { text: ["Let me see."], calls }, { text: ["I see."] })
    : model.script(prompt, { text, holdAfter: 2 });
  const live = send(client, threadId, prompt, { graph: "react" });
  // The server goes, and its streams with it.
  live.ended.catch(() => "broken off");
  turns.set(prompt, { threadId, runId: await live.runId, live, script });
  if (isInTools) return await model.probe(id).started.opened;
  await (await script.call(0)).held.opened;
  await live.showed("upon ");
}

/** The turn, as far as it has come again after the restart. */
async function afterRestart(prompt: string): Promise<Turn> {
  const turn = turns.get(prompt) as Turn;
  expect((await sdk(server.url).runs.get(turn.threadId, turn.runId)).status).toMatch(/running|pending/);
  if (!beginsAnew) return turn;
  if (inMidText.includes(prompt)) await (await turn.script.call(1)).held.opened;
  else await model.probe(callId(prompt)).startedAgain.opened;
  return turn;
}

/** The next message is answered; returns what stands before it. */
async function goesOn(threadId: string, asked?: "interrupt"): Promise<string[]> {
  const next = `after ${threadId}`;
  model.script(next, { text: ["Gladly."] });
  await send(sdk(proxy.url), threadId, next, { graph: "react", multitaskStrategy: asked }).ended;
  const said = outline(await conversation(sdk(server.url), threadId));
  expect(said.slice(-2)).toEqual([`human: ${next}`, "ai: Gladly."]);
  return said.slice(0, -2);
}

/** What was said in mid-text: the server that begins anew has said it again. */
const asKept = (prompt: string) => [`human: ${prompt}`, ...(beginsAnew ? [kept] : [])];

describe.concurrent("whose server was restarted in mid-text", { timeout: 60_000 }, () => {
  it("is stopped", async ({ task: { name } }) => {
    const { threadId, runId } = await afterRestart(name);
    const { status, body } = await stop(proxy.url, threadId);
    expect([status, body]).toMatchObject([200, { outcome: "stopped", run_ids: [runId], tool_calls: [] }]);
    expect(outline(body.kept)).toEqual(asKept(name).slice(1));
    expect(outline(await conversation(sdk(server.url), threadId))).toEqual(asKept(name));
    expect(await stop(proxy.url, threadId)).toMatchObject({ status: 200, body });
    expect(await goesOn(threadId)).toEqual(asKept(name));
  });

  it("is undone", async ({ task: { name } }) => {
    const { threadId } = await afterRestart(name);
    const { body } = await stop(proxy.url, threadId, { action: "rollback", keep: "nothing" });
    expect(body).toMatchObject({ outcome: "stopped", kept: [], input: { messages: [{ content: name }] } });
    expect(await goesOn(threadId)).toEqual([]);
  });

  it("is cancelled", async ({ task: { name } }) => {
    const { threadId, runId } = await afterRestart(name);
    await sdk(proxy.url).runs.cancel(threadId, runId, true);
    expect(await goesOn(threadId)).toEqual(asKept(name));
  });

  it("says the next thing", async ({ task: { name } }) => {
    const { threadId, script } = await afterRestart(name);
    // Without a strategy it waits for its turn where there is one to wait for.
    if (beginsAnew) (await script.call(1)).release();
    expect(await goesOn(threadId)).toEqual([`human: ${name}`, ...(beginsAnew ? ["ai: Once upon a time."] : [])]);
  });

  it("takes its turn", async ({ task: { name } }) => {
    const { threadId } = await afterRestart(name);
    expect(await goesOn(threadId, "interrupt")).toEqual(asKept(name));
  });
});

describe.concurrent("whose server was restarted while a tool ran", { timeout: 60_000 }, () => {
  it("is stopped in its tools", async ({ task: { name } }) => {
    const { threadId } = await afterRestart(name);
    const { body } = await stop(proxy.url, threadId);
    const id = callId(name);
    expect(body).toMatchObject({ outcome: "stopped", kept: [], tool_calls: [{ id, name: "probe", fate: "cut" }] });
    const answer = expect.stringMatching(`^tool: \\[${id}\\] This tool call was cut off`);
    const said = [`human: ${name}`, "ai: Let me see.", ...(beginsAnew ? [answer] : [])];
    expect(await goesOn(threadId)).toEqual(said);
  });

  it("says the next thing in its tools", async ({ task: { name } }) => {
    const { threadId } = await afterRestart(name);
    const id = callId(name);
    if (beginsAnew) model.probe(id).answer("found");
    const said = [`human: ${name}`, "ai: Let me see.", ...(beginsAnew ? [`tool: [${id}] found`, "ai: I see."] : [])];
    expect(await goesOn(threadId)).toEqual(said);
  });
});
