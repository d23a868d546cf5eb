import { describe, expect, inject, it, vi } from "vitest";
import { raiseFlag } from "../../proxy/stepwise/flags.ts";
import { conversation, outline, send, stop, useFlow } from "../helpers/flow.ts";
import { asValue } from "../helpers/mortal-flow.ts";
import { startReplica } from "../helpers/replica.ts";
import { flagsOn, heldAt, sendStepwise, speakInTurn, spokenBy, until } from "../helpers/stepwise.ts";

const flow = useFlow();
vi.setConfig({ testTimeout: 60_000 });

const all = spokenBy("draft", "review", "publish");

/** A run that is held in its last step, through a replica that can be killed. */
async function inLastStep(prompt: string) {
  const replica = await startReplica(inject("langgraphUrl"));
  const turn = await heldAt(flow, "publish", prompt, { url: replica.url });
  const die = async () => {
    replica.kill("SIGKILL");
    await replica.exited;
    turn.live.hangUp();
    await turn.ended;
  };
  return { ...turn, die };
}

/** A stop of it, by a replica that dies as soon as it has said so. */
async function stopAndDie(threadId: string) {
  const stopper = await startReplica(inject("langgraphUrl"));
  const answer = stop(stopper.url, threadId).catch(asValue);
  await until(async () => expect(await flagsOn(flow, threadId)).toHaveLength(1));
  stopper.kill("SIGKILL");
  await stopper.exited;
  await answer;
}

/** The graph has come to its end, whoever has seen it. */
const ended = (threadId: string) =>
  until(async () => {
    const runs = await flow.direct.runs.list(threadId, { limit: 100 });
    expect(runs.filter(({ status }) => status === "success")).toHaveLength(3);
    expect((await flow.direct.threads.getState(threadId)).next).toEqual([]);
  });

/** Nothing is left of it: the server's record says so, too, and takes a write and a message. */
async function isFree(threadId: string, prompt: string) {
  await until(async () => expect((await flow.direct.threads.get(threadId)).status).toBe("idle"));
  expect(await flagsOn(flow, threadId)).toEqual([]);
  await flow.client.threads.updateState(threadId, { values: { messages: [] } });
  await isAnswered(threadId, prompt);
}

/** The next message, which has no strategy, is answered; all that was said stands before it. */
async function isAnswered(threadId: string, prompt: string) {
  flow.model.script(`after ${prompt}`, { text: ["Gladly."] });
  await send(flow.client, threadId, `after ${prompt}`, { graph: "pipeline" }).ended;
  const said = outline(await conversation(flow.client, threadId));
  expect(said).toEqual([`human: ${prompt}`, ...all, `human: after ${prompt}`, ...Array(3).fill("ai: Gladly.")]);
}

describe.concurrent("a stop that was asked for in the last step, by a replica that has died", () => {
  it("is cleared by whoever drives the run", async () => {
    const prompt = "the driver lives";
    const { threadId, call, ended } = await heldAt(flow, "publish", prompt);
    await stopAndDie(threadId);
    call?.release();
    await ended;
    await isFree(threadId, prompt);
  });

  it("is cleared before the next message, if nobody is left", async () => {
    const prompt = "nobody lives";
    const { threadId, call, die } = await inLastStep(prompt);
    await stopAndDie(threadId);
    await die();
    call?.release();
    await ended(threadId);
    await isAnswered(threadId, prompt);
    expect(await flagsOn(flow, threadId)).toEqual([]);
  });

  it("is cleared by the next stop, which finds that nothing runs", async () => {
    const prompt = "stopped again";
    const { threadId, call, die } = await inLastStep(prompt);
    await stopAndDie(threadId);
    await die();
    call?.release();
    await ended(threadId);
    expect((await stop(flow.proxy.url, threadId)).body.outcome).toBe("idle");
    expect(await flagsOn(flow, threadId)).toEqual([]);
    await isAnswered(threadId, prompt);
  });

  it("is cleared when somebody looks at the thread, which is shown as it is", async () => {
    const prompt = "looked at";
    const { threadId, call, die } = await inLastStep(prompt);
    await stopAndDie(threadId);
    await die();
    call?.release();
    await ended(threadId);
    expect((await flow.client.threads.get(threadId)).status).toBe("idle");
    await isFree(threadId, prompt);
  });

  it("and anything else that is left of a run that is over is, too", async () => {
    const prompt = "something left";
    const { thread_id: threadId } = await flow.client.threads.create();
    speakInTurn(flow, prompt);
    const live = sendStepwise(flow.client, threadId, prompt, "pipeline");
    await live.ended;
    const first = await flow.direct.runs.get(threadId, await live.runId);
    await raiseFlag(flow.direct, threadId, first);
    await isAnswered(threadId, prompt);
    expect(await flagsOn(flow, threadId)).toEqual([]);
  });
});

describe.concurrent("a run whose replica has died in its last step", () => {
  it.each(["joins", "looks at"])("leaves its thread idle, once somebody %s it", async (how) => {
    const prompt = `nobody drives, ${how}`;
    const { threadId, runId, call, die } = await inLastStep(prompt);
    await die();
    call?.release();
    await ended(threadId);
    if (how === "joins") await flow.client.runs.join(threadId, runId);
    else expect((await flow.client.threads.get(threadId)).status).toBe("idle");
    await isFree(threadId, prompt);
  });
});
