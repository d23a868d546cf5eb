import { afterEach, describe, expect, it, vi } from "vitest";
import { textOf } from "../../proxy/core/message.ts";
import { conversation, outline, runStart, send, stop, useFlow } from "../helpers/flow.ts";
import { openV2Socket, type V2Socket } from "../helpers/v2-socket.ts";

const flow = useFlow();
const open: V2Socket[] = [];
const patience = { timeout: 20_000 };

afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

/** A thread and its socket, which has asked for what a page would. */
async function onThread() {
  const { thread_id: threadId } = await flow.client.threads.create();
  const socket = await openV2Socket(flow.proxy.url, threadId);
  open.push(socket);
  socket.sendText(JSON.stringify({ id: 900, method: "subscription.subscribe", params: { channels: ["messages"] } }));
  return { threadId, socket };
}

const human = (text: string) => ({ type: "human", content: text });

async function start(socket: V2Socket, messages: object[], more: object = {}): Promise<string> {
  const { type, result } = await socket.ask("run.start", { assistant_id: "react", input: { messages }, ...more });
  expect(type).toBe("success");
  return result?.run_id ?? "";
}

/** A command that is sent by itself; its answer. */
async function command(threadId: string, method: string, params: object): Promise<unknown> {
  const answer = await fetch(`${flow.proxy.url}/threads/${threadId}/commands`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id: 1, method, params }),
  });
  return await answer.json();
}

/** A run that was started over the socket, and is held in mid-text. */
async function inMidText(prompt: string) {
  const { threadId, socket } = await onThread();
  const script = flow.model.script(prompt, { text: ["Once ", "upon ", "a ", "time."], holdAfter: 3 });
  const runId = await start(socket, [human(prompt)]);
  const call = await script.call(0);
  await call.held.opened;
  await vi.waitUntil(() => JSON.stringify(socket.heard).includes('"a "'), patience);
  return { threadId, socket, runId, call };
}

const gladly = (prompt: string) => flow.model.script(prompt, { text: ["Gladly."] });

async function ended(threadId: string, runId: string): Promise<string[]> {
  await expect.poll(async () => (await flow.direct.runs.get(threadId, runId)).status, patience).toBe("success");
  const messages = await conversation(flow.client, threadId);
  return outline(messages.map((message) => ({ ...message, content: textOf(message.content) })));
}

describe("a run that is started over a socket", () => {
  it("waits for a stop under way", async () => {
    const { threadId, socket, call } = await inMidText("socket, stopped");
    gladly("socket, at once");
    const stopped = stop(flow.proxy.url, threadId);
    await call.closed.opened;
    const runId = await start(socket, [human("socket, at once")]);
    expect((await stopped).body.outcome).toBe("stopped");
    expect(await ended(threadId, runId)).toEqual([
      "human: socket, stopped",
      "ai: Once upon a",
      "human: socket, at once",
      "ai: Gladly.",
    ]);
  });

  it("finds what was cut behind the proxy's back mended", async () => {
    const { threadId, socket, runId } = await inMidText("socket, cut");
    await flow.direct.runs.cancel(threadId, runId, true);
    gladly("socket, after the cut");
    expect(await ended(threadId, await start(socket, [human("socket, after the cut")]))).toEqual([
      "human: socket, cut",
      "ai: Once upon a",
      "human: socket, after the cut",
      "ai: Gladly.",
    ]);
  });

  it("brings no second answers to calls that are closed", async () => {
    const { threadId, socket } = await onThread();
    const call = { id: "socket_call", name: "probe", args: ['{"name":"socket_probe"}'] };
    flow.model.script("socket, tools", { calls: [call] });
    await start(socket, [human("socket, tools")]);
    await flow.model.probe("socket_probe").started.opened;
    await stop(flow.proxy.url, threadId);
    gladly("socket, answered");
    const invented = { type: "tool", tool_call_id: call.id, content: "Successfully handled tool call." };
    const lines = await ended(threadId, await start(socket, [invented, human("socket, answered")]));
    expect(lines.filter((line) => line.startsWith("tool"))).toHaveLength(1);
    expect(lines.join()).not.toContain("Successfully handled");
    expect(lines.at(-1)).toBe("ai: Gladly.");
  });

  it("takes the place of one that goes on, whose text is kept", async () => {
    const { threadId, socket } = await inMidText("socket, double");
    gladly("socket, texting");
    const runId = await start(socket, [human("socket, texting")], { multitaskStrategy: "interrupt" });
    expect(await ended(threadId, runId)).toEqual([
      "human: socket, double",
      "ai: Once upon a",
      "human: socket, texting",
      "ai: Gladly.",
    ]);
    await vi.waitUntil(() => JSON.stringify(socket.heard).includes("Gladly."), patience);
  });
});

it.each(["socket", "commands"])("an approval that is given over %s starts a run that can be stopped", async (way) => {
  const { threadId, socket } = await onThread();
  const calls = [{ id: `${way}_ask`, name: "probe", args: [`{"name":"${way}_ask"}`] }];
  const script = flow.model.script(`${way}, may you?`, { calls }, { text: ["I ", "did ", "it."], holdAfter: 2 });
  await start(socket, [human(`${way}, may you?`)], { assistant_id: "approval" });
  const question = async () => (await flow.direct.threads.getState(threadId)).tasks[0]?.interrupts[0];
  await expect.poll(question, patience).toBeDefined();
  const params = { namespace: [], interrupt_id: (await question())?.id, response: "yes" };
  flow.model.probe(`${way}_ask`, "yes, indeed");
  if (way === "socket")
    expect(await socket.ask("input.respond", params)).toMatchObject({ type: "success", result: {} });
  else expect(await command(threadId, "input.respond", params)).toMatchObject({ type: "success", result: {} });
  await (await script.call(1)).held.opened;
  await vi.waitUntil(() => JSON.stringify(socket.heard).includes('"did "'), patience);
  expect((await stop(flow.proxy.url, threadId)).body.outcome).toBe("stopped");
  const messages = await conversation(flow.client, threadId);
  expect(outline(messages.map((message) => ({ ...message, content: textOf(message.content) }))).slice(2)).toEqual([
    `tool: [${way}_ask] yes, indeed`,
    "ai: I did",
  ]);
  // Asked once more, there is no question.
  expect(await command(threadId, "input.respond", params)).toMatchObject({ type: "error" });
});

it.each(["socket", "commands"])("a run that waits for its turn, over %s, doesn't hold a Stop up", async (way) => {
  const { threadId, socket, runId, call } = await inMidText(`${way}, queue`);
  const params = { assistant_id: "react", input: { messages: [human(`${way}, queued`)] } };
  // The servers answer it when the run before it has ended.
  const queued = way === "socket" ? start(socket, params.input.messages) : runStart(flow.proxy.url, threadId, params);
  await vi.waitUntil(async () => (await flow.direct.runs.list(threadId)).length === 2, patience);
  const asked = performance.now();
  const { body } = await stop(flow.proxy.url, threadId);
  expect(performance.now() - asked).toBeLessThan(8000);
  expect(new Set(body.run_ids)).toEqual(new Set([runId, await queued]));
  expect((await call.closed.opened).early).toBe(true);
  expect(outline(await conversation(flow.client, threadId))).toEqual([
    `human: ${way}, queue`,
    "ai: Once upon a",
    `human: ${way}, queued`,
  ]);
});

it("what is no command is the server's to answer", async () => {
  const { socket } = await onThread();
  socket.sendText("no JSON");
  await vi.waitUntil(() => socket.heard.some(({ error }) => error === "invalid_argument"), patience);
  expect(await socket.ask("run.start", { input: {} })).toMatchObject({ type: "error", error: "invalid_argument" });
  expect(await socket.ask("no.such", {})).toMatchObject({ type: "error" });
});

it("the thread is the same to a client that reads it otherwise", async () => {
  const { threadId, socket } = await inMidText("socket, and streamed");
  await stop(flow.proxy.url, threadId);
  gladly("streamed, after the socket");
  await send(flow.client, threadId, "streamed, after the socket", { graph: "react" }).ended;
  gladly("socket, after the stream");
  expect(await ended(threadId, await start(socket, [human("socket, after the stream")]))).toHaveLength(6);
});
