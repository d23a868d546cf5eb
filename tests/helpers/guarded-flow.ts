import type { Client } from "@langchain/langgraph-sdk";
import { afterAll, beforeAll, expect, inject, vi } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { type Live, sdk, send } from "./flow.ts";
import { graphs } from "./flows-setup.ts";
import type { Call } from "./model/script.ts";
import { type Server, startDevServer, startPythonServer, toRoot } from "./processes.ts";
import { startProxy } from "./proxy.ts";
import { type StrictModel, startStrictModel } from "./strict-model.ts";

/** A token of tests/fixtures/auth.ts; `undefined` is a caller who brings none. */
export type Who =
  | "alice"
  | "bob"
  | "alice-readonly"
  | "alice-guest"
  | "alice-nodelete"
  | "alice-undeleting"
  | undefined;

export interface Asked {
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Answer {
  status: number;
  body: string;
}

/** A dev server that knows its callers, with a proxy before it. */
export interface GuardedFlow {
  model: StrictModel;
  /** Where the server is. */
  url: string;
  proxyUrl: string;
  /** The SDK through the proxy, or through another replica. */
  as(who: Who, replica?: Listening): Client;
  /** One request through the proxy, or through another replica. */
  ask(who: Who, asked: Asked, replica?: Listening): Promise<Answer>;
  /** The same past the proxy. */
  askDirectly(who: Who, asked: Asked): Promise<Answer>;
}

/** Sets it up for the tests of one file; every history that the model refused fails the file. */
export function useGuardedFlow(): GuardedFlow {
  let server: Server;
  let proxy: Listening;
  const flow = {
    as: (who, replica = proxy) => sdk(replica.url, credentialsOf(who)),
    ask: (who, asked, replica = proxy) => request(replica.url, who, asked),
    askDirectly: (who, asked) => request(server.url, who, asked),
  } as GuardedFlow;
  beforeAll(async () => {
    flow.model = await startStrictModel(inject("modelPort"));
    server = await startGuardedServer({ OPENAI_BASE_URL: flow.model.url });
    flow.url = server.url;
    proxy = await startProxy(server.url);
    flow.proxyUrl = proxy.url;
  });
  afterAll(async () => {
    const { rejected } = flow.model;
    await proxy.close();
    await server.close();
    await flow.model.close();
    expect(rejected).toEqual([]);
  });
  return flow;
}

function startGuardedServer(env: Record<string, string>): Promise<Server> {
  const python = process.env.PYTHON_LANGGRAPH;
  if (python) return startPythonServer(python, env, { auth: { path: "./auth.py:auth" } });
  const { react = "" } = graphs;
  return startDevServer({ react }, env, { auth: { path: `${toRoot}/tests/fixtures/auth.ts:auth` } });
}

export const credentialsOf = (who: Who): Record<string, string> => (who ? { authorization: `Bearer ${who}` } : {});

async function request(base: string, who: Who, { method, path, body, headers }: Asked): Promise<Answer> {
  const answer = await fetch(base + path, {
    method,
    headers: { "content-type": "application/json", ...credentialsOf(who), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.text() };
}

/** A run that has shown three words and goes no further. */
export interface MidText {
  threadId: string;
  runId: string;
  live: Live;
  call: Call;
}

/** The words of every reply in these tests; `shown` is what has come of it in mid-text. */
export const story = ["A ", "secret ", "of ", "hers."];
export const shown = "A secret of";

export async function inMidText(
  flow: GuardedFlow,
  who: Who,
  prompt: string,
  onDisconnect: "cancel" | "continue" = "continue",
  replica?: Listening,
): Promise<MidText> {
  const client = flow.as(who, replica);
  const { thread_id: threadId } = await client.threads.create();
  const script = flow.model.script(prompt, { text: story, holdAfter: 3 });
  const live = send(client, threadId, prompt, { graph: "react", onDisconnect });
  const call = await script.call(0);
  await call.held.opened;
  // `expect.poll` wants to know which test it is in; these run side by side.
  await vi.waitFor(() => expect([...live.shown().values()].join("").trim()).toBe(shown), { timeout: 20_000 });
  return { threadId, runId: await live.runId, live, call };
}

/** Lets the run go on, and sees that it comes to its own end, in its reader's stream and in the thread. */
export async function goesOnUnnoticing(flow: GuardedFlow, who: Who, { threadId, runId, live, call }: MidText) {
  expect((await flow.as(who).runs.get(threadId, runId)).status).toBe("running");
  call.release();
  await live.ended;
  expect((await call.closed.opened).early).toBe(false);
  expect([...live.shown().values()]).toEqual([story.join("")]);
  expect((await flow.as(who).runs.get(threadId, runId)).status).toBe("success");
}
