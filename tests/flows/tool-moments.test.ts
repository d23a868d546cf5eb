import { describe, expect, it, vi } from "vitest";
import { isTool, type Message } from "../../proxy/core/message.ts";
import {
  actions,
  begin,
  cut,
  exact,
  goesOn,
  type How,
  howsOf,
  isUndone,
  lookAt,
  patience,
  resultsIn,
  spoken,
  type Turn,
} from "../helpers/cell.ts";
import { type StopBody, send, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";
import { gated, type Shape, shapeOf } from "../helpers/shapes.ts";

const flow = useFlow();

type Fate = "finished" | "running" | "not started";

interface Moment {
  /** What the calls of the reply have come to. */
  calls: Fate[];
  /** The gate between two steps at which the run waits. */
  place?: "before tools" | "after tools";
  /** The reply to the tools' results has begun. */
  answering?: boolean;
}

const anyTools: Record<string, Moment> = {
  "called, none started": { calls: ["not started", "not started"], place: "before tools" },
  "one running": { calls: ["running"] },
  "one finished, one running": { calls: ["finished", "running"] },
  "all finished, the next step not begun": { calls: ["finished", "finished"], place: "after tools" },
  "all finished, the answer half said": { calls: ["finished", "finished"], answering: true },
};
const atOnce: Record<string, Moment> = { ...anyTools, "one running, one finished": { calls: ["running", "finished"] } };
const inTurn: Record<string, Moment> = {
  ...anyTools,
  "one finished, one running, one not started": { calls: ["finished", "running", "not started"] },
};

/** Without those that need a gate. */
const ungated = (moments: Record<string, Moment>) =>
  Object.fromEntries(Object.entries(moments).filter(([, { place }]) => !place));

const momentsOf: Record<string, Record<string, Moment>> = {
  react: atOnce,
  create_agent: atOnce,
  subagent: atOnce,
  nested: atOnce,
  sequential_tools: inTurn,
  append_only: ungated(atOnce),
  inner_graph: ungated(atOnce),
  retrying: ungated(atOnce),
  hand_tools: ungated(inTurn),
};

const half: Reply = { text: ["Half ", "of ", "it ", "never said"], holdAfter: 3 };

const sentences = {
  finished: /^result of /,
  cut: /^This tool call was cut off before it returned\./,
  "never-started": /^This tool call never started\./,
};

/** The calls of a turn, each of a probe that bears the call's id; what has finished has its result. */
function probesFor(prompt: string, fates: Fate[]) {
  return fates.map((fate, n) => {
    const id = `${prompt}: call ${n + 1}`.replaceAll(/[^\w-]+/g, "-");
    const probe = flow.model.probe(id, fate === "finished" ? `result of ${id}` : undefined);
    return { id, fate, probe, call: { id, name: "probe", args: [`{"name":`, `${JSON.stringify(id)}}`] } };
  });
}

type Probes = ReturnType<typeof probesFor>;

/** Resolves when the probes are what they should be, and the server knows, as far as it can. */
async function areUnderWay({ live, threadId, shape }: Pick<Turn, "live" | "threadId" | "shape">, probes: Probes) {
  const of = (wanted: Fate) => probes.filter(({ fate }) => fate === wanted);
  for (const { probe } of of("running")) await probe.started.opened;
  for (const { probe } of of("finished")) await vi.waitUntil(() => probe.answeredAt !== undefined, patience);
  const ids = of("finished").map(({ id }) => id);
  if (exact() && !shape.untold) await haveEnded(threadId, await live.runId, ids);
  else if (taskPerCall(shape))
    await haveResults(
      threadId,
      ids.map((id) => `result of ${id}`),
    );
}

/** Resolves when the tasks of the step that is running have come to these results. */
const haveResults = (threadId: string, results: string[]) =>
  vi.waitUntil(async () => {
    const had = JSON.stringify(await resultsIn(flow, threadId));
    return results.every((result) => had.includes(JSON.stringify(result).slice(1, -1)));
  }, patience);

/** Resolves when the run's stream has told of the end of these tools. */
async function haveEnded(threadId: string, runId: string, ids: string[]): Promise<void> {
  const missing = new Set(ids);
  const leave = new AbortController();
  for await (const { data } of flow.direct.runs.joinStream(threadId, runId, {
    lastEventId: "-1",
    signal: leave.signal,
  })) {
    const { event, toolCallId } = (data ?? {}) as { event?: string; toolCallId?: string };
    if (event === "on_tool_end" && toolCallId) missing.delete(toolCallId);
    if (missing.size === 0) break;
  }
  leave.abort();
}

const taskPerCall = ({ graph }: Shape) => /create_agent|subagent|retrying/.test(graph);

/** What may be said of a call; where the server gives no evidence, that it was cut. */
function mayBeSaid(fate: Fate, known: boolean): string[] {
  if (fate === "running") return ["cut"];
  const truth = fate === "finished" ? "finished" : "never-started";
  return known ? [truth] : [truth, "cut"];
}

/** Checks that each call has its one true answer, after the reply and in order, and that the stop says the same. */
function expectTrueAnswers(
  left: Message[],
  probes: { id: string; fate: Fate }[],
  known: (fate: Fate) => boolean,
  body?: StopBody,
) {
  const answers = left.filter(isTool);
  expect(answers.map(({ tool_call_id }) => tool_call_id)).toEqual(probes.map(({ id }) => id));
  for (const [at, { id, fate }] of probes.entries()) {
    const told = body?.tool_calls[at];
    const content = String(answers[at]?.content);
    if (body) expect(told).toMatchObject({ id, fate: expect.toBeOneOf(mayBeSaid(fate, known(fate))) });
    const said = told?.fate ?? "finished";
    expect(content).toMatch(sentences[said as keyof typeof sentences]);
    expect(answers[at]?.status).toBe(said === "finished" ? "success" : "error");
  }
}

/** What the stop says of calls that are no longer in the conversation is true as well. */
function expectTruth({ tool_calls }: StopBody, probes: Probes) {
  for (const { id, fate } of tool_calls) {
    const truth = probes.find((probe) => probe.id === id)?.fate ?? "not started";
    expect(mayBeSaid(truth, false)).toContain(fate);
  }
}

describe.concurrent.each(Object.keys(momentsOf))("%s, in its tools (cases 10, 12, 14, 27)", (graph) => {
  const cells = Object.entries(momentsOf[graph] ?? {}).flatMap(([name, moment]) =>
    howsOf().map((how) => ({ name, moment, ...how })),
  );

  it.each(cells)("$name: $action, keep $keep", async ({ name, moment, action, keep }) => {
    const how = { action, keep };
    const prompt = `${graph}, ${name}, ${action} ${keep}`;
    const { turn, probes, closed } = await reach(graph, prompt, moment);
    const { body, left } = await cut(flow, turn, how);
    expect(spoken(left).map((text) => text.trimEnd())).toEqual(whatStays(graph, moment, how));
    const called = left.some(({ tool_calls }) => tool_calls?.length);
    const open = turn.shape.untold || moment.calls.some((fate) => fate !== "finished");
    if (called) expectTrueAnswers(left, probes, knowledgeOf(turn.shape, moment), open ? body : undefined);
    if (!called || !open) expectTruth(body, probes);
    await closed();
    expect(probes.filter(({ probe }) => probe.startedAt === undefined).map(({ fate }) => fate)).toEqual(
      moment.calls.filter((fate) => fate === "not started"),
    );
    expect(turn.scripts.get("agent")?.calls).toHaveLength(moment.answering ? 2 : 1);
  });
});

/** Begins a turn and brings it to the moment; `closed` resolves when all that ran has been hung up on. */
async function reach(graph: string, prompt: string, { calls, place, answering }: Moment) {
  const shape = place ? gated(graph, graph === "nested" ? ["before writer"] : []) : shapeOf(graph);
  const probes = probesFor(prompt, calls);
  if (place === "after tools") flow.model.probe(`before tools: ${prompt}`, "go on");
  const first = { text: ["Let me ask. "], calls: probes.map(({ call }) => call) };
  const turn = await begin(flow, shape, prompt, { agent: [first, half] });
  const gate = place && flow.model.probe(`${place}: ${prompt}`);
  await gate?.started.opened;
  const answer = answering ? await turn.scripts.get("agent")?.call(1) : undefined;
  await answer?.held.opened;
  if (!place && !answering) await areUnderWay(turn, probes);
  const closed = async () => {
    await gate?.hungUp.opened;
    for (const { fate, probe } of probes) if (fate === "running") await probe.hungUp.opened;
    if (answer) expect((await answer.closed.opened).early).toBe(true);
  };
  return { turn, probes, closed };
}

/** What has finished is known, where each call is a task, the server tells of tools, or the step was over. */
const knowledgeOf =
  (shape: Shape, { calls, place, answering }: Moment) =>
  (fate: Fate) =>
    shape.untold
      ? false
      : fate === "finished"
        ? exact() || taskPerCall(shape) || place === "after tools" || answering === true
        : exact() && calls.includes("running");

/** What the assistant has said in the turn, by the promises: a subgraph is one step. */
function whatStays(graph: string, { answering }: Moment, how: How): string[] {
  if (isUndone(how) || (shapeOf(graph).isOneStep && how.keep === "nothing")) return [];
  return ["Let me ask.", ...(answering && how.keep === "partial" ? ["Half of it"] : [])];
}

describe.concurrent("in a subagent", () => {
  const shape = shapeOf("subagent");
  const finding = "The finding.";
  const moments: Record<string, { says: Reply[]; beside: Fate[]; task?: "finished" }> = {
    "started, no token": { says: [{ text: ["never said"], holdAfter: 0 }], beside: [] },
    "mid-text": { says: [half], beside: [] },
    "in its tool": { says: [], beside: [] },
    "mid-text, beside a finished and a running call": { says: [half], beside: ["finished", "running"] },
    "in its tool, beside a finished and a running call": { says: [], beside: ["finished", "running"] },
    "it has finished, beside a running call": { says: [{ text: [finding] }], beside: ["running"], task: "finished" },
  };
  const cells = Object.entries(moments).flatMap(([name, moment]) => howsOf().map((how) => ({ name, moment, ...how })));

  it.each(cells)("$name: $action, keep $keep", async ({ name, moment, action, keep }) => {
    const how = { action, keep };
    const prompt = `subagent, ${name}, ${action} ${keep}`;
    const task = `${prompt}: task`.replaceAll(/[^\w-]+/g, "-");
    const args = [JSON.stringify({ description: task, subagent_type: "general-purpose" })];
    const [inner] = probesFor(`${prompt}, inner`, ["running"]);
    const beside = probesFor(prompt, moment.beside);
    const says = moment.says.length > 0 ? moment.says : [{ text: ["I shall ask. "], calls: inner ? [inner.call] : [] }];
    const subagent = flow.model.script(task, ...says);
    const calls = [{ id: task, name: "task", args }, ...beside.map(({ call }) => call)];
    const turn = await begin(flow, shape, prompt, { agent: [{ text: ["Let me ask. "], calls }] });
    const asked = await subagent.call(0);
    if (moment.says.length === 0) await inner?.probe.started.opened;
    else if (!moment.task) await asked.held.opened;
    else await haveResults(turn.threadId, [finding]);
    await areUnderWay(turn, beside);

    const { body, left } = await cut(flow, turn, how);
    expect(spoken(left)).toEqual(isUndone(how) ? [] : [action === "rollback" ? "Let me ask." : "Let me ask. "]);
    if (action === "interrupt") {
      const fates = body.tool_calls.map(({ fate }) => fate);
      expect(body.tool_calls.map(({ id }) => id)).toEqual(calls.map(({ id }) => id));
      expect(fates).toEqual([
        moment.task ?? "cut",
        ...moment.beside.map((fate) => (fate === "running" ? "cut" : fate)),
      ]);
      const contents = left.filter(isTool).map(({ content }) => String(content));
      expect(contents[0]).toMatch(moment.task ? finding : sentences.cut);
      for (const [at, { id, fate }] of beside.entries()) {
        expect(contents[at + 1]).toMatch(fate === "finished" ? `result of ${id}` : sentences.cut);
      }
    }
    for (const { fate, probe } of beside) if (fate === "running") await probe.hungUp.opened;
    if (moment.says.length === 0) await inner?.probe.hungUp.opened;
    else expect((await asked.closed.opened).early).toBe(!moment.task);
    expect(subagent.calls).toHaveLength(1);
    expect(turn.scripts.get("agent")?.calls).toHaveLength(1);
  });
});

describe.concurrent("approval", () => {
  const shape = shapeOf("approval");

  /** A turn that waits for a human's word. */
  async function pause(prompt: string, fates: Fate[]) {
    const probes = probesFor(prompt, fates);
    const first = { text: ["May I? "], calls: probes.map(({ call }) => call) };
    const turn = await begin(flow, shape, prompt, { agent: [first, half] });
    await turn.live.ended;
    const paused = await flow.client.threads.getState(turn.threadId);
    expect(paused.tasks[0]?.interrupts).toHaveLength(1);
    return { turn, probes, paused };
  }

  const resume = (threadId: string, word: string) =>
    send(flow.client, threadId, "", { graph: "approval", resume: word });

  /** The approval still waits, and a yes is taken. */
  async function expectPaused(turn: Turn, paused: { values: unknown }, probes: Probes) {
    const { values, tasks } = await flow.client.threads.getState(turn.threadId);
    expect(values).toEqual(paused.values);
    expect(tasks[0]?.interrupts).toHaveLength(1);
    for (const { id, probe } of probes) probe.answer(`result of ${id}`);
    flow.model.script(`agent: ${turn.prompt}`, { text: ["Thank you."] });
    await resume(turn.threadId, "yes").ended;
    const left = await lookAt(flow, turn, { action: "interrupt", keep: "partial" }, {});
    expect(spoken(left)).toEqual(["May I? ", "Thank you."]);
    expect(left.filter(isTool).map(({ content }) => content)).toEqual(probes.map(({ id }) => `result of ${id}`));
    await goesOn(flow, shape, turn.threadId, `then, ${turn.prompt}`);
  }

  it.each(actions)("waits: $action, keep $keep", async (how) => {
    const prompt = `approval waits, ${how.action} ${how.keep}`;
    const { turn, probes, paused } = await pause(prompt, ["not started"]);
    expect((await stop(flow.proxy.url, turn.threadId, how)).body).toMatchObject({ outcome: "idle", tool_calls: [] });
    expect(await flow.client.threads.getState(turn.threadId)).toEqual(paused);
    expect(probes.map(({ probe }) => probe.startedAt)).toEqual([undefined]);
    await expectPaused(turn, paused, probes);
  });

  const moments: Record<string, Moment> = {
    "one running": { calls: ["running"] },
    "one finished, one running, one not started": { calls: ["finished", "running", "not started"] },
    "all finished, the answer half said": { calls: ["finished", "finished"], answering: true },
  };
  const cells = Object.entries(moments).flatMap(([name, moment]) => howsOf().map((how) => ({ name, moment, ...how })));

  it.each(cells)("granted, $name: $action, keep $keep", async ({ name, moment, action, keep }) => {
    const how = { action, keep };
    const prompt = `approval granted, ${name}, ${action} ${keep}`;
    const { turn, probes, paused } = await pause(prompt, moment.calls);
    const live = resume(turn.threadId, "yes");
    const answer = moment.answering ? await turn.scripts.get("agent")?.call(1) : undefined;
    await answer?.held.opened;
    if (!answer) await areUnderWay({ ...turn, live }, probes);
    const { body } = await stop(flow.proxy.url, turn.threadId, how);
    await live.ended;
    expect(body.outcome).toBe("stopped");
    for (const { fate, probe } of probes) if (fate === "running") await probe.hungUp.opened;
    if (answer) expect((await answer.closed.opened).early).toBe(true);
    for (const { fate, probe } of probes) expect(probe.startedAt === undefined).toBe(fate === "not started");
    if (action === "rollback" && !answer) return await expectPaused(turn, paused, probes);
    // What the tools of a finished step came to stays, in a rollback, too: their calls stand before the run.
    const left = await lookAt(flow, turn, { action: "interrupt", keep }, body);
    const partial = moment.answering && keep === "partial" ? ["Half of it"] : [];
    expect(spoken(left)).toEqual(["May I? ", ...partial]);
    const open = moment.calls.includes("running") ? body : undefined;
    expectTrueAnswers(left, probes, knowledgeOf(shape, moment), open);
    await goesOn(flow, shape, turn.threadId, `then, ${prompt}`);
  });
});
