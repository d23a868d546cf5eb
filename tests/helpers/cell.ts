import type { ThreadState } from "@langchain/langgraph-sdk";
import { expect, inject, vi } from "vitest";
import { isAI, isTool, type Message, textOf, typeOf } from "../../proxy/core/message.ts";
import { dirt } from "../storm/verdict.ts";
import { type Flow, type Live, type StopBody, send, stop } from "./flow.ts";
import type { Reply, Script } from "./model/script.ts";
import { inOneForm } from "./one-form.ts";
import { hasNoConversation, inputFor, messagesOf, type Shape, speech } from "./shapes.ts";

/** How long a server may take to be where a test waits for it, in milliseconds. */
export const patience = 20_000;

/** How a run is stopped. */
export interface How {
  action: "interrupt" | "rollback";
  keep: "partial" | "nothing";
}

export const actions: How[] = [
  { action: "interrupt", keep: "partial" },
  { action: "interrupt", keep: "nothing" },
  { action: "rollback", keep: "partial" },
  { action: "rollback", keep: "nothing" },
];

let turn = 0;

/** The ways to stop that each cell is tried with: one, in turn; with `ALL_CELLS=1` (`npm run test:cells`) each of the four. */
export function howsOf(): How[] {
  return process.env.ALL_CELLS ? actions : [actions[turn++ % actions.length] as How];
}

export const isUndone = ({ action, keep }: How): boolean => action === "rollback" && keep === "nothing";

/** The server tells of every tool that starts and ends. */
export const exact = () => inject("server") === "js";

/** A turn that is to be cut. */
export interface Turn {
  shape: Shape;
  prompt: string;
  threadId: string;
  /** The thread's state before it. */
  before: ThreadState;
  live: Live;
  /** What each speaker was asked. */
  scripts: Map<string, Script>;
}

/** Begins a turn on a thread with an earlier one; who is not in `replies` says that it has spoken. */
export async function begin(
  flow: Flow,
  shape: Shape,
  prompt: string,
  replies: Record<string, Reply[]> = {},
): Promise<Turn> {
  const { thread_id: threadId } = await flow.client.threads.create();
  await wholeTurn(flow, shape, threadId, `earlier, ${prompt}`);
  const before = await flow.client.threads.getState(threadId);
  const scripts = new Map(
    shape.steps.flat().map((speaker) => {
      const said = replies[speaker] ?? [{ text: [speech(speaker)], calls: handOver(shape, speaker) }];
      return [speaker, flow.model.script(`${speaker}: ${prompt}`, ...said)];
    }),
  );
  // A subgraph's tokens are shown to those who ask for them; what nobody was shown nobody keeps.
  const asked = { graph: shape.graph, input: inputFor(shape, prompt), streamSubgraphs: true };
  return { shape, prompt, threadId, before, live: send(flow.client, threadId, prompt, asked), scripts };
}

const handOver = ({ goesOnBy }: Shape, speaker: string) => {
  const name = goesOnBy?.[speaker];
  return name ? [{ id: `${speaker}-${name}`, name, args: ["{}"] }] : [];
};

/** Begins a turn; resolves when all who speak at `step` are held. */
export async function beginHeld(flow: Flow, shape: Shape, step: number, prompt: string, held: Reply): Promise<Turn> {
  const speakers = shape.steps[step] ?? [];
  const turn = await begin(flow, shape, prompt, Object.fromEntries(speakers.map((speaker) => [speaker, [held]])));
  for (const speaker of speakers) await (await turn.scripts.get(speaker)?.call(0))?.held.opened;
  return turn;
}

/** A whole turn, in which everyone says the same; fails if it doesn't end well. */
export async function wholeTurn(flow: Flow, shape: Shape, threadId: string, prompt: string): Promise<Message[]> {
  flow.model.script(prompt, { text: ["Very well."] });
  for (const place of shape.gates ?? []) flow.model.probe(`${place}: ${prompt}`, "go on");
  const live = send(flow.client, threadId, prompt, { graph: shape.graph, input: inputFor(shape, prompt) });
  await live.ended;
  expect(live.parts.filter(({ event }) => event === "error")).toEqual([]);
  const { values, next } = await flow.client.threads.getState(threadId);
  expect(next).toEqual([]);
  return messagesOf(shape, values);
}

/** Stops the turn and checks what holds for every stop, the next message included; returns the answer, and what is left of the turn. */
export async function cut(flow: Flow, turn: Turn, how: How): Promise<{ body: StopBody; left: Message[] }> {
  const { shape, threadId, prompt, live } = turn;
  const { body } = await stop(flow.proxy.url, threadId, how);
  await live.ended;
  expect(body.outcome).toBe("stopped");
  const left = await lookAt(flow, turn, how, body);
  await goesOn(flow, shape, threadId, `then, ${prompt}`);
  return { body, left };
}

/** Checks what the stop has left of the turn, in which the user has `asked`, and returns it. */
export async function lookAt(
  flow: Flow,
  { shape, threadId, prompt, before }: Turn,
  how: How,
  body: Pick<StopBody, "input">,
  asked: string[] = [prompt],
): Promise<Message[]> {
  const { values, next } = await flow.client.threads.getState(threadId);
  expect(next).toEqual([]);
  const isTakenBack = isUndone(how) || (how.action === "rollback" && hasNoConversation(shape));
  if (!isTakenBack) expect(await recordOf(flow, threadId)).toEqual({ status: "idle", error: null });
  const messages = messagesOf(shape, values);
  const isReplaced = shape.replaces && how.action === "interrupt";
  const earlier = isReplaced ? [] : messagesOf(shape, before.values);
  expect(messages.slice(0, earlier.length).map(inOneForm)).toEqual(earlier.map(inOneForm));
  expect(dirt(messages, flow.model, performance.now(), exact() && !shape.untold)).toEqual([]);
  const left = messages.slice(earlier.length);
  if (isUndone(how)) {
    expect(values).toEqual(before.values);
    expect(body.input).toMatchObject(inputFor(shape, prompt));
  } else if (!hasNoConversation(shape)) {
    expect(left.filter((message) => typeOf(message) === "human").map(({ content }) => textOf(content))).toEqual(asked);
  }
  if (how.action === "rollback") {
    expect(left.filter((message) => isTool(message) || (message.tool_calls?.length ?? 0) > 0)).toEqual([]);
  }
  return left;
}

/** How the thread itself is said to be. */
async function recordOf({ direct }: Flow, threadId: string) {
  const { status, error = null } = (await direct.threads.get(threadId)) as { status: string; error?: unknown };
  return { status, error };
}

/** Resolves when the server has the results of so many tasks of the step that is running. */
export async function finishedTasks(flow: Flow, threadId: string, count: number): Promise<void> {
  await vi.waitUntil(async () => (await resultsIn(flow, threadId)).length === count, patience);
}

/** The results of the tasks of the step that is running, as the server has them. */
export async function resultsIn(flow: Flow, threadId: string): Promise<unknown[]> {
  const { tasks } = await flow.direct.threads.getState(threadId);
  return tasks.map((task) => (task as { result?: unknown }).result).filter((result) => result != null);
}

/** The next message is accepted, and changes nothing that was said before. */
export async function goesOn(flow: Flow, shape: Shape, threadId: string, prompt: string): Promise<void> {
  const { values } = await flow.client.threads.getState(threadId);
  const messages = shape.replaces ? [] : messagesOf(shape, values);
  const after = await wholeTurn(flow, shape, threadId, prompt);
  expect(after.slice(0, messages.length).map(inOneForm)).toEqual(messages.map(inOneForm));
  if (!hasNoConversation(shape)) expect(after.length).toBeGreaterThan(messages.length);
}

/** What the assistant says in these messages. */
export const spoken = (messages: Message[]): string[] => messages.filter(isAI).map(({ content }) => textOf(content));
