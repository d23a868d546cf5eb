import { afterAll, beforeAll, expect, inject, it, vi } from "vitest";
import { isAI, messagesIn, textOf } from "../../proxy/core/message.ts";
import type { Listening } from "../../proxy/listen.ts";
import { sdk, shownIn, stop, useFlow } from "../helpers/flow.ts";
import type { Script } from "../helpers/model/script.ts";
import { startProxy } from "../helpers/proxy.ts";
import { sendStepwise } from "../helpers/stepwise.ts";
import { dice } from "../storm/dice.ts";

const flow = useFlow();
let other: Listening;

beforeAll(async () => {
  other = await startProxy(inject("langgraphUrl"));
});
afterAll(() => other.close());

const nodes = ["draft", "review", "publish"];
const [stops, atOnce] = [100, 10];

/** Random by a seed of its own, so that it can be run again. */
const random = dice("stepwise");

/** Stops a run at some moment, through this replica or another; what began, and what became of it. */
async function stopSomewhen(index: number) {
  const prompt = `somewhen ${index}`;
  const { thread_id: threadId } = await flow.client.threads.create();
  const reply = { text: ["This ", "is ", "what ", "I ", "think."], pace: 20 };
  const scripts: Script[] = nodes.map((name) => flow.model.script(`${name}: ${prompt}`, reply));
  const entries = () => scripts.flatMap(({ calls }) => calls);
  const live = sendStepwise(flow.client, threadId, prompt, "pipeline");
  const runId = await live.runId;
  await new Promise((go) => setTimeout(go, random.roll(0, 2000)));
  const replica = random.chance(0.5) ? flow.proxy.url : other.url;
  const outcome = random.chance(0.5)
    ? (await stop(replica, threadId)).body.outcome
    : await sdk(replica)
        .runs.cancel(threadId, runId, true)
        .then(
          () => "cancelled",
          (error: { status: number }) => `refused: ${error.status}`,
        );
  const begun = entries().length;
  const { values, next } = await flow.direct.threads.getState(threadId);
  await live.ended;
  const cut = (await Promise.all(entries().map(({ closed }) => closed.opened))).filter(({ early }) => early).length;
  const said = messagesIn(values, "messages").filter(isAI);
  const { status } = await flow.client.threads.get(threadId);
  const shown = [...shownIn(live.parts).values()];
  return { outcome, begun, entries, cut, next, status, shown, said: said.map(({ content }) => textOf(content)) };
}

it("no node is cut, and none begins after a stop", { timeout: 240_000 }, async () => {
  const results: Awaited<ReturnType<typeof stopSomewhen>>[] = [];
  for (let index = 0; index < stops; index += atOnce) {
    results.push(...(await Promise.all(Array.from({ length: atOnce }, (_, n) => stopSomewhen(index + n)))));
  }
  const stopped = results.filter(({ begun }) => begun < nodes.length);
  expect(stopped.length).toBeGreaterThan(stops / 4);
  for (const { outcome, cut, begun, entries, next, status, shown, said } of results) {
    const all = { cut, begun: entries().length, next, status, said };
    expect({ outcome, ...all }).toEqual({ outcome, cut: 0, begun, next: [], status: "idle", said: shown });
    expect(said).toHaveLength(begun);
  }
  // Nobody drives any of them on.
  await vi.waitFor(async () => expect(await flow.direct.threads.search({ status: "busy" })).toEqual([]));
});
