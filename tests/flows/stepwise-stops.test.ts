import { afterAll, beforeAll, expect, inject, it, vi } from "vitest";
import { isAI, messagesIn, textOf } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { exact } from "../helpers/cell.ts";
import { sdk, shownIn, stop, useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";
import { flagsOn, sendStepwise } from "../helpers/stepwise.ts";
import { dice } from "../storm/dice.ts";
import { dirt } from "../storm/verdict.ts";

const flow = useFlow();
let other: Listening;

beforeAll(async () => {
  other = await startProxy(inject("langgraphUrl"));
});
afterAll(() => other.close());

const [stops, atOnce] = [100, 10];
/** The nodes of a whole turn: a reply, its tools, another, its tools, and the last one. */
const nodes = 5;
/** About how long a whole turn takes, in milliseconds. */
const wholeTurn = inject("server") === "js" ? 3500 : 6000;

/** Random by a seed of its own, so that it can be run again. */
const random = dice("stepwise");

/** How often nodes were entered, and left, in the turn of this prompt. */
function visits(prompt: string) {
  const count = (what: string) =>
    flow.model.notes.filter((note) => note.startsWith(what) && note.endsWith(`: ${prompt}`));
  return { entered: count("in ").length, left: count("out ").length };
}

/** Asks the model for two tools each, twice. */
function script(prompt: string) {
  const asks = (round: number) => ({
    text: ["This ", "is ", "what ", "I ", "ask."],
    pace: 20,
    calls: [1, 2].map((nth) => {
      const id = `${prompt.replaceAll(" ", "-")}-${round}-${nth}`;
      const probe = flow.model.probe(id);
      void probe.started.opened.then(() => setTimeout(() => probe.answer(`result of ${id}`), 50 * nth));
      return { id, name: "probe", args: [JSON.stringify({ name: id })] };
    }),
  });
  flow.model.script(prompt, asks(1), asks(2), { text: ["This ", "is ", "what ", "I ", "say."], pace: 20 });
}

/** Stops a run at some moment, through this replica or another. */
async function stopSomewhen(index: number) {
  const prompt = `somewhen ${index}`;
  const { thread_id: threadId } = await flow.client.threads.create();
  script(prompt);
  const live = sendStepwise(flow.client, threadId, prompt, "noting");
  const runId = await live.runId;
  await new Promise((go) => setTimeout(go, random.roll(0, wholeTurn)));
  const url = random.chance(0.5) ? flow.proxy.url : other.url;
  const isCancel = random.chance(0.5);
  const cancel = () => sdk(url).runs.cancel(threadId, runId, true);
  const outcome = isCancel ? await cancel().then(() => "stopped", tooLate) : (await stop(url, threadId)).body.outcome;
  const at = visits(prompt);
  const stoppedAt = performance.now();
  const { values, next } = await flow.direct.threads.getState(threadId);
  await live.ended;
  return { prompt, threadId, live, outcome, at, stoppedAt, next, messages: messagesIn(values, "messages") };
}

/** The server's own answer for a run that has ended. */
function tooLate(error: Error & { status?: number }): string {
  if (error.status !== 404) throw error;
  return "too late";
}

it("no node is cut, and none begins after a stop", { timeout: 300_000 }, async () => {
  const turns: Awaited<ReturnType<typeof stopSomewhen>>[] = [];
  for (let index = 0; index < stops; index += atOnce) {
    turns.push(...(await Promise.all(Array.from({ length: atOnce }, (_, n) => stopSomewhen(index + n)))));
  }
  for (const { prompt, threadId, live, outcome, at, stoppedAt, next, messages } of turns) {
    // A stop that comes too late says so.
    const isWhole = at.entered === nodes;
    const outcomes = isWhole ? ["stopped", "finished", "idle", "too late"] : ["stopped"];
    expect(outcomes).toContain(outcome);
    expect({ prompt, ...visits(prompt) }).toEqual({ prompt, entered: at.entered, left: at.entered });
    expect(next).toEqual([]);
    expect((await flow.client.threads.get(threadId)).status).toBe("idle");
    const said = messages.filter(isAI).map(({ content }) => textOf(content));
    expect(said).toEqual([...shownIn(live.parts).values()]);
    expect(said).toHaveLength(Math.ceil(at.entered / 2));
    expect(dirt(messages, flow.model, stoppedAt, exact())).toEqual([]);
  }
  expect(turns.filter(({ at }) => at.entered < nodes).length).toBeGreaterThan(stops / 3);
  // Nobody drives any of them on.
  await vi.waitFor(async () => expect(await flow.direct.threads.search({ status: "busy" })).toEqual([]));
  const flags = await Promise.all(turns.map(({ threadId }) => flagsOn(flow, threadId)));
  expect(flags.flat()).toEqual([]);
  expect(turns.map(({ prompt }) => visits(prompt).entered)).toEqual(turns.map(({ at }) => at.entered));
});
