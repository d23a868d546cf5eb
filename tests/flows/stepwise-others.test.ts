import { afterAll, beforeAll, describe, expect, inject, it, type TestContext, vi } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { measured } from "../helpers/asked.ts";
import { held } from "../helpers/faults.ts";
import { startFaultyUpstream } from "../helpers/faulty-upstream.ts";
import { conversation, outline, sdk, send, stop, useFlow } from "../helpers/flow.ts";
import { gate } from "../helpers/gate.ts";
import { startProxy } from "../helpers/proxy.ts";
import { flagsOn, heldAt, messageOf, sendStepwise, speakInTurn, spokenBy, until } from "../helpers/stepwise.ts";

const flow = useFlow();
vi.setConfig({ testTimeout: 60_000 });

let other: Listening;
beforeAll(async () => {
  other = await startProxy(inject("langgraphUrl"));
});
afterAll(() => other.close());

/** A replica of its own, whose server is slow to be asked for this. */
async function replicaThatIsHeldAt({ onTestFinished }: TestContext, ...calls: string[]) {
  const server = await startFaultyUpstream(inject("langgraphUrl"));
  const { url, close } = await startProxy(server.url);
  onTestFinished(async () => {
    server.close();
    await close();
  });
  const goOn = gate();
  for (const call of calls) server.fault(call, held(goOn));
  return { url, goOn: () => goOn.open(), came: () => Promise.race(calls.map((call) => server.came(call))) };
}

/** A run of another's, without the SDK. */
async function create(base: string, threadId: string, path: string, body: object) {
  const answer = await fetch(`${base}/threads/${threadId}/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ assistant_id: "react", input: messageOf("not me"), ...body }),
  });
  return { status: answer.status, type: answer.headers.get("content-type"), body: await answer.text() };
}

describe.concurrent("a message that is not to wait", () => {
  it.for(["runs", "runs/stream", "runs/wait"])("is refused between two steps as during one: %s", async (path, test) => {
    const prompt = `refused, ${path}`;
    const driver = await replicaThatIsHeldAt(test, "POST /threads/:t/runs");
    const { threadId, ended, call } = await heldAt(flow, "draft", prompt, { url: driver.url });
    const rejecting = { multitask_strategy: "reject" };
    const during = await create(inject("langgraphUrl"), threadId, path, rejecting);
    expect([409, 422]).toContain(during.status);
    // It asks in the one moment, and the server would see it in the other.
    const late = await replicaThatIsHeldAt(test, "POST /threads/:t/runs", "POST /threads/:t/runs/stream");
    const answer = create(late.url, threadId, path, rejecting);
    await Promise.race([answer, late.came()]);
    call?.release();
    await driver.came();
    late.goOn();
    expect(await answer).toEqual(during);
    expect(await create(flow.proxy.url, threadId, path, rejecting)).toEqual(during);
    driver.goOn();
    await ended;
    const said = outline(await conversation(flow.client, threadId));
    expect(said).toEqual([`human: ${prompt}`, ...spokenBy("draft", "review", "publish")]);
  });

  it("is not refused when the run is over", async () => {
    const prompt = "not refused";
    const { thread_id: threadId } = await flow.client.threads.create();
    speakInTurn(flow, prompt);
    await sendStepwise(flow.client, threadId, prompt, "pipeline").ended;
    flow.model.script("me at last", { text: ["Gladly."] });
    await sendStepwise(flow.client, threadId, "me at last", "react", { multitaskStrategy: "reject" }).ended;
    expect(outline(await conversation(flow.client, threadId)).slice(4)).toEqual(["human: me at last", "ai: Gladly."]);
  });
});

/** What the pipeline says to a message that waited. */
const thrice = Array(3).fill("ai: Gladly.");

/** A run that is held in its first step, with a message that waits behind it, in this replica. */
async function withOneWaiting(prompt: string) {
  const turn = await heldAt(flow, "draft", prompt);
  const script = flow.model.script(`behind ${prompt}`, { text: ["Gladly."] });
  const already = await measured(flow.proxy, "fermata_waiting_runs");
  const waiting = send(flow.client, turn.threadId, `behind ${prompt}`, {
    graph: "pipeline",
    multitaskStrategy: "enqueue",
  });
  const answered = waiting.ended.then(
    () => "answered",
    (error: Error) => error.message,
  );
  await until(async () => expect(await measured(flow.proxy, "fermata_waiting_runs")).toBeGreaterThan(already));
  return { ...turn, script, answered, waiting };
}

describe("a message that waits behind it", () => {
  it.each(["this replica", "another"])("is let go by a stop of the whole thread, through %s", async (through) => {
    const prompt = `all of it, through ${through}`;
    const { threadId, ended, call, script, answered, runId } = await withOneWaiting(prompt);
    const answer = stop(through === "another" ? other.url : flow.proxy.url, threadId);
    await until(async () => expect(await flagsOn(flow, threadId)).toHaveLength(1));
    call?.release();
    expect((await answer).body).toMatchObject({ outcome: "stopped", run_ids: [runId] });
    await ended;
    expect(await answered).toMatch(/HTTP 409: .*"error":"stopped"/);
    expect(script.calls).toEqual([]);
    expect(outline(await conversation(flow.client, threadId)).slice(1)).toEqual(spokenBy("draft"));
  });

  it.each(["scope: run", "cancel"])("has its turn after a stop of the run alone: %s", async (how) => {
    const prompt = `the run alone, ${how}`;
    const { threadId, ended, call, answered, runId } = await withOneWaiting(prompt);
    const stopped =
      how === "cancel"
        ? flow.client.runs.cancel(threadId, runId, true)
        : stop(flow.proxy.url, threadId, { scope: "run" });
    await until(async () => expect(await flagsOn(flow, threadId)).toHaveLength(1));
    call?.release();
    await Promise.all([stopped, ended]);
    expect(await answered).toBe("answered");
    const said = outline(await conversation(flow.client, threadId)).slice(1);
    expect(said).toEqual([...spokenBy("draft"), `human: behind ${prompt}`, ...thrice]);
  });

  it("that was sent after the stop has its turn, whatever its strategy", async () => {
    const { threadId, ended, call } = await heldAt(flow, "draft", "sent after");
    const answer = stop(flow.proxy.url, threadId);
    await until(async () => expect(await flagsOn(flow, threadId)).toHaveLength(1));
    flow.model.script("after the stop", { text: ["Gladly."] });
    const next = sendStepwise(flow.client, threadId, "after the stop", "react", { multitaskStrategy: "reject" });
    await until(async () => expect(await measured(flow.proxy, "fermata_waiting_runs")).toBe(1));
    call?.release();
    await Promise.all([answer, ended, next.ended]);
    const said = outline(await conversation(flow.client, threadId)).slice(1);
    expect(said).toEqual([...spokenBy("draft"), "human: after the stop", "ai: Gladly."]);
  });

  it("waits for the whole of another that waited before it", async () => {
    const prompt = "one after the other";
    const { threadId, ended, call, answered, waiting } = await withOneWaiting(prompt);
    speakInTurn(flow, `third, ${prompt}`);
    const third = sendStepwise(flow.client, threadId, `third, ${prompt}`, "pipeline", { multitaskStrategy: "enqueue" });
    speakInTurn(flow, `fourth, ${prompt}`);
    const fourth = sendStepwise(flow.client, threadId, `fourth, ${prompt}`, "pipeline", {
      multitaskStrategy: "enqueue",
    });
    await until(async () => expect(await measured(flow.proxy, "fermata_waiting_runs")).toBe(3));
    call?.release();
    await Promise.all([ended, answered, waiting.ended, third.ended, fourth.ended]);
    const said = outline(await conversation(flow.client, threadId)).slice(4);
    const turns = [
      [`human: behind ${prompt}`, ...thrice],
      ...["third", "fourth"].map((nth) => [`human: ${nth}, ${prompt}`, ...spokenBy("draft", "review", "publish")]),
    ];
    // No step of one stands in another's turn.
    expect(said).toHaveLength(turns.flat().length);
    for (const turn of turns) {
      const from = said.indexOf(turn[0] ?? "");
      expect(said.slice(from, from + turn.length)).toEqual(turn);
    }
  });
});

/** A run that waits in the server's queue, behind an ordinary one that is held. */
async function queued(prompt: string) {
  const { thread_id: threadId } = await flow.client.threads.create();
  const ahead = `ahead of ${prompt}`;
  const first = send(flow.client, threadId, ahead, { graph: "pipeline" });
  const call = await speakInTurn(flow, ahead, "draft").draft?.call(0);
  await call?.held.opened;
  await first.showed("has ");
  const scripts = speakInTurn(flow, prompt);
  const live = sendStepwise(flow.client, threadId, prompt, "pipeline", { multitaskStrategy: "enqueue" });
  return { threadId, first, call, scripts, live, runIds: [await first.runId, await live.runId] };
}

describe.concurrent("a run that is to be driven, and waits in the queue", () => {
  it("is pending, and never starts if the whole thread is stopped", async () => {
    const prompt = "queued and stopped";
    const { threadId, first, scripts, live, runIds } = await queued(prompt);
    expect((await flow.client.runs.get(threadId, runIds[1] ?? "")).status).toBe("pending");
    const { body } = await stop(flow.proxy.url, threadId);
    expect(body).toMatchObject({ outcome: "stopped", run_ids: runIds });
    await Promise.all([first.ended, live.ended]);
    expect(Object.values(scripts).flatMap(({ calls }) => calls)).toEqual([]);
    const said = outline(await conversation(flow.client, threadId));
    expect(said).toEqual([`human: ahead of ${prompt}`, "ai: draft has", `human: ${prompt}`]);
  });

  it("never starts if it is cancelled, and what runs goes on", async () => {
    const prompt = "queued and cancelled";
    const { threadId, first, call, scripts, live, runIds } = await queued(prompt);
    await flow.client.runs.cancel(threadId, runIds[1] ?? "");
    call?.release();
    await Promise.all([first.ended, live.ended]);
    expect(Object.values(scripts).flatMap(({ calls }) => calls)).toEqual([]);
    const said = outline(await conversation(flow.client, threadId));
    expect(said.slice(0, 4)).toEqual([`human: ahead of ${prompt}`, ...spokenBy("draft", "review", "publish")]);
  });

  it("has its turn when what ran before it is stopped alone", async () => {
    const prompt = "queued and let in";
    const { threadId, first, live } = await queued(prompt);
    await stop(flow.proxy.url, threadId, { scope: "run" });
    await Promise.all([first.ended, live.ended]);
    const said = outline(await conversation(flow.client, threadId));
    expect(said.slice(-4)).toEqual([`human: ${prompt}`, ...spokenBy("draft", "review", "publish")]);
  });
});

describe.concurrent("a step that was asked for before a stop, and comes to the server after it", () => {
  it("begins no node, and the conversation goes on", async (test) => {
    const prompt = "asked for in time";
    const driver = await replicaThatIsHeldAt(test, "POST /threads/:t/runs");
    const { threadId, ended, call, scripts, runId } = await heldAt(flow, "draft", prompt, { url: driver.url });
    call?.release();
    await driver.came();
    expect((await stop(flow.proxy.url, threadId)).body).toMatchObject({ outcome: "stopped", run_ids: [runId] });
    driver.goOn();
    await ended;
    await until(async () => {
      const runs = await flow.direct.runs.list(threadId);
      console.log(
        "RESULT",
        JSON.stringify(runs.map((r) => [r.status])),
        JSON.stringify((await flow.direct.threads.get(threadId)).status),
      );
      expect(runs.every(({ status }) => status !== "pending" && status !== "running")).toBe(true);
    });
    expect(scripts.review?.calls).toEqual([]);
    expect(outline(await conversation(flow.client, threadId)).slice(1)).toEqual(spokenBy("draft"));
    flow.model.script(`after ${prompt}`, { text: ["Gladly."] });
    await send(flow.client, threadId, `after ${prompt}`, { graph: "pipeline" }).ended;
    const said = outline(await conversation(flow.client, threadId));
    expect(said.slice(1)).toEqual([...spokenBy("draft"), `human: after ${prompt}`, ...thrice]);
  });
});

describe.concurrent("a message that takes its place", () => {
  it("takes the turn back, if that is its strategy", async () => {
    const prompt = "taken back";
    const { thread_id: threadId } = await flow.client.threads.create();
    const calls = [{ id: "sw_taken_back", name: "probe", args: ['{"name":"sw_taken_back"}'] }];
    const script = flow.model.script(prompt, { text: ["Let me ", "see."], calls, holdAfter: 1 });
    const live = sendStepwise(flow.client, threadId, prompt, "react");
    const call = await script.call(0);
    await call.held.opened;
    flow.model.script("instead of it", { text: ["Gladly."] });
    const next = sendStepwise(sdk(other.url), threadId, "instead of it", "react", { multitaskStrategy: "rollback" });
    await until(async () => expect(await flagsOn(flow, threadId)).toHaveLength(1));
    call.release();
    await Promise.all([live.ended, next.ended]);
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages)).toEqual([`human: ${prompt}`, "ai: Let me see.", "human: instead of it", "ai: Gladly."]);
    expect(messages[1]?.tool_calls ?? []).toEqual([]);
    expect((await flow.direct.runs.list(threadId)).map(({ run_id }) => run_id)).toEqual([await next.runId]);
  });

  it("lets go those that wait, too", async () => {
    const prompt = "before those that wait";
    const { threadId, ended, call, script, answered } = await withOneWaiting(prompt);
    flow.model.script(`instead, ${prompt}`, { text: ["Gladly."] });
    const asked = { multitaskStrategy: "interrupt" } as const;
    const next = sendStepwise(flow.client, threadId, `instead, ${prompt}`, "react", asked);
    await until(async () => expect(await flagsOn(flow, threadId)).toHaveLength(1));
    call?.release();
    await Promise.all([ended, next.ended]);
    expect(await answered).toMatch(/"error":"stopped"/);
    expect(script.calls).toEqual([]);
  });
});
