import type { Client, StreamMode } from "@langchain/langgraph-sdk";
import { expect, vi } from "vitest";
import { type Flow, type Live, sdk, shownIn } from "./flow.ts";
import { gate } from "./gate.ts";
import type { Script } from "./model/script.ts";
import { asValue } from "./mortal-flow.ts";

export interface StepwiseAsked {
  streamMode?: StreamMode[];
  multitaskStrategy?: "interrupt" | "rollback" | "enqueue" | "reject";
  /** Instead of a message: goes on where the last run was stopped. */
  goOn?: boolean;
  interruptBefore?: string[];
  interruptAfter?: string[];
  config?: { recursion_limit: number };
  context?: Record<string, unknown>;
  /** What a run that is paused goes on with, instead of an input. */
  command?: { resume: string };
}

export const messageOf = (text: string) => ({ messages: [{ role: "user", content: text }] });

/** Sends a message whose run is driven step by step. */
export function sendStepwise(client: Client, threadId: string, text: string, graph: string, asked: StepwiseAsked = {}) {
  const runId = gate<string>();
  const parts: Live["parts"] = [];
  const { streamMode = ["values", "messages-tuple", "updates"], goOn, ...others } = asked;
  const noInput = goOn || others.command;
  const leave = new AbortController();
  const read = async () => {
    const stream = client.runs.stream(threadId, graph, {
      input: noInput ? null : messageOf(text),
      metadata: { stepwise: true },
      streamMode,
      ...others,
      signal: leave.signal,
      onRunCreated: ({ run_id }) => runId.open(run_id),
    });
    for await (const part of stream) parts.push(part as Live["parts"][number]);
  };
  const ended = read().catch((error: Error) => {
    if (!leave.signal.aborted) throw error;
  });
  return { threadId, runId: runId.opened, parts, ended, hangUp: () => leave.abort() };
}

export const events = (parts: Live["parts"], name: string) => parts.filter(({ event }) => event === name);

/** The speakers of the pipeline, a step each. */
export const speakers = ["draft", "review", "publish"] as const;

/** What each of them says, as a line of the conversation's outline. */
export const spokenBy = (...names: string[]) => names.map((name) => `ai: ${name} has now spoken.`);

/** Lets them all speak; `holder` is held in mid-text. */
export function speakInTurn({ model }: Flow, prompt: string, holder?: string): Record<string, Script> {
  const said = (name: string) => ({
    text: [`${name} `, "has ", "now ", "spoken."],
    holdAfter: name === holder ? 2 : undefined,
  });
  return Object.fromEntries(speakers.map((name) => [name, model.script(`${name}: ${prompt}`, said(name))]));
}

/** A run of the pipeline, through this replica or another, that is held while one speaks. */
export async function heldAt(
  flow: Flow,
  holder: (typeof speakers)[number],
  prompt: string,
  { url = flow.proxy.url, threadId, ...asked }: StepwiseAsked & { url?: string; threadId?: string } = {},
) {
  const thread = threadId ?? (await flow.client.threads.create()).thread_id;
  const scripts = speakInTurn(flow, prompt, holder);
  const live = sendStepwise(sdk(url), thread, prompt, "pipeline", asked);
  const ended = live.ended.catch(asValue);
  const call = await scripts[holder]?.call(0);
  await call?.held.opened;
  if (!asked.streamMode) await until(() => expect([...shownIn(live.parts).values()].at(-1)).toBe(`${holder} has `));
  return { threadId: thread, live, ended, call, scripts, runId: await live.runId };
}

/** The flags that are up on a thread, as the server has them. */
export const flagsOn = async ({ direct }: Flow, threadId: string) => {
  const runs = await direct.runs.list(threadId, { limit: 1000 });
  return runs.filter(({ metadata }) => metadata && "fermata_stop" in metadata);
};

export const until = (check: () => unknown) => vi.waitFor(check, { timeout: 25_000 });
