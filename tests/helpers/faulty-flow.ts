import type { Client } from "@langchain/langgraph-sdk";
import { expect, inject, type TestContext, vi } from "vitest";
import { messagesIn } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { type FaultyUpstream, startFaultyUpstream } from "./faulty-upstream.ts";
import { type Asked, conversation, type Flow, type Live, outline, sdk, send, stop } from "./flow.ts";
import type { Call } from "./model/script.ts";
import { startProxy } from "./proxy.ts";

/** A run that has shown three words, through a replica of its own before a server that misbehaves. */
export interface InTrouble {
  flow: Flow;
  server: FaultyUpstream;
  proxy: Listening;
  client: Client;
  prompt: string;
  threadId: string;
  runId: string;
  live: Live;
  call: Call;
}

/** What is left of a reply that was stopped after three words. */
export const kept = "ai: Once upon a";

/** The prompt is the test's full name, so that tests can run side by side. */
export async function inTrouble(
  { task, onTestFinished }: TestContext,
  flow: Flow,
  { before, env, ...asked }: Asked & { before?: (server: FaultyUpstream) => void; env?: Record<string, string> } = {},
): Promise<InTrouble> {
  const server = await startFaultyUpstream(inject("langgraphUrl"));
  before?.(server);
  const proxy = await startProxy(server.url, env);
  onTestFinished(async () => {
    server.close();
    await proxy.close();
  });
  const client = sdk(proxy.url);
  const prompt = task.fullTestName;
  const { thread_id: threadId } = await client.threads.create();
  const script = flow.model.script(prompt, { text: ["Once ", "upon ", "a ", "time ", "there ", "was."], holdAfter: 3 });
  const live = send(client, threadId, prompt, asked);
  // How a stream ends while the server misbehaves is the business of the tests that are about it.
  live.ended.catch(() => "broken off");
  const call = await script.call(0);
  await call.held.opened;
  // `expect.poll` wants to know which test it is in; these run side by side.
  await vi.waitFor(() => expect([...live.shown().values()].join("")).toBe("Once upon a "), { timeout: 20_000 });
  return { flow, server, proxy, client, prompt, threadId, runId: await live.runId, live, call };
}

/** The stop says `stopped`, and what was shown stands in the thread: once, and nothing is pending. */
export async function isStopped(trouble: InTrouble, wish?: object): Promise<void> {
  const { status, body } = await stop(trouble.proxy.url, trouble.threadId, wish);
  expect(body).toMatchObject({ outcome: "stopped", kept: [{ content: "Once upon a" }] });
  expect(status).toBe(200);
  await standsOnce(trouble);
}

/** The stop fails with one sentence that says so, and nothing of what was shown stands in the thread by halves. */
export async function isNotStored(trouble: InTrouble, reason: RegExp, wish?: object): Promise<void> {
  const asked = performance.now();
  const { status, body } = await stop(trouble.proxy.url, trouble.threadId, wish);
  expect(body).toEqual({ error: "not_stored", message: expect.stringMatching(reason) });
  expect(status).toBe(502);
  expect((body as { message?: string }).message).toMatch(notStored);
  expect(performance.now() - asked).toBeLessThan(30_000);
  const { values } = await trouble.flow.direct.threads.getState(trouble.threadId);
  expect(outline(messagesIn(values, "messages"))).toEqual([`human: ${trouble.prompt}`]);
}

const notStored =
  /^Run [0-9a-f-]{36} (is stopped|was cancelled), but what it said (will only be stored|is only stored if it is stopped again) before the next message on this thread: The LangGraph server [^\n]+$/;

/** What was shown stands in the thread, under the id that was streamed. */
export async function standsOnce({ flow, threadId, prompt, live }: InTrouble): Promise<void> {
  const messages = await conversation(flow.direct, threadId);
  expect(outline(messages)).toEqual([`human: ${prompt}`, kept]);
  expect(messages[1]?.id).toBe([...live.shown().keys()][0]);
}

/** The next message finds what was shown before it, in its place, and is answered. */
export async function goesOn({ flow, client, threadId, prompt, live }: InTrouble, asked: Asked = {}): Promise<void> {
  const next = `after: ${prompt}`;
  flow.model.script(next, { text: ["Gladly."] });
  await send(client, threadId, next, asked).ended;
  const messages = await conversation(flow.direct, threadId);
  expect(outline(messages)).toEqual([`human: ${prompt}`, kept, `human: ${next}`, "ai: Gladly."]);
  expect(messages[1]?.id).toBe([...live.shown().keys()][0]);
}
