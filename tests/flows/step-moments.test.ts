import { describe, expect, it } from "vitest";
import {
  actions,
  begin,
  beginHeld,
  cut,
  finishedTasks,
  goesOn,
  howsOf,
  isUndone,
  lookAt,
  spoken,
  type Turn,
  wholeTurn,
} from "../helpers/cell.ts";
import { send, stop, useFlow } from "../helpers/flow.ts";
import { gated, inputFor, shapeOf, shapes, speech } from "../helpers/shapes.ts";

const flow = useFlow();

const half = { text: ["Half ", "of ", "it ", "never said"], holdAfter: 3 };

describe.concurrent("between two steps", () => {
  const places = [
    { shape: gated("nested", ["before writer"]), place: "before writer", finished: ["agent"] },
    { shape: gated("own_state", ["before writer"]), place: "before writer", finished: [] },
    { shape: gated("pipeline", ["before review", "before publish"]), place: "before review", finished: ["draft"] },
    {
      shape: gated("pipeline", ["before review", "before publish"]),
      place: "before publish",
      finished: ["draft", "review"],
    },
    { shape: gated("supervisor", ["before worker"]), place: "before worker", finished: ["supervisor"] },
    { shape: gated("no_conversation", ["before shortener"]), place: "before shortener", finished: [] },
  ];
  const cells = places.flatMap((place) => howsOf().map((how) => ({ graph: place.shape.graph, ...place, ...how })));

  it.each(cells)("$graph, $place: $action, keep $keep", async ({ shape, place, finished, action, keep }) => {
    const prompt = `${shape.graph} ${place} ${action} ${keep}`;
    for (const earlier of (shape.gates ?? []).slice(0, shape.gates?.indexOf(place))) {
      flow.model.probe(`${earlier}: ${prompt}`, "go on");
    }
    const turn = await begin(flow, shape, prompt);
    const gate = flow.model.probe(`${place}: ${prompt}`);
    await gate.started.opened;
    const { left } = await cut(flow, turn, { action, keep });
    expect(spoken(left)).toEqual(isUndone({ action, keep }) ? [] : finished.map(speech));
    await gate.hungUp.opened;
    const speakers = shape.steps.flat();
    expect(unasked(turn)).toEqual(speakers.slice(speakers.indexOf(place.replace("before ", ""))));
  });
});

/** Who of the turn never came to speak. */
const unasked = ({ scripts }: Turn) =>
  [...scripts].filter(([, { calls }]) => calls.length === 0).map(([speaker]) => speaker);

describe.concurrent("beside a branch that has finished", () => {
  const held = {
    "started, no token": { text: ["never said"], holdAfter: 0 },
    "mid-text": half,
  };
  const models = [
    { finished: "left", cutting: "right" },
    { finished: "right", cutting: "left" },
  ].flatMap((who) =>
    Object.entries(held).flatMap(([moment, reply]) => howsOf().map((how) => ({ ...who, moment, reply, ...how }))),
  );

  it.each(models)(
    "two_models, $cutting, $moment: $action, keep $keep",
    async ({ finished, cutting, moment, reply, action, keep }) => {
      const how = { action, keep };
      const prompt = `two_models ${cutting} ${moment} ${action} ${keep}`;
      const turn = await begin(flow, shapeOf("two_models"), prompt, { [cutting]: [reply] });
      const call = await turn.scripts.get(cutting)?.call(0);
      await call?.held.opened;
      await finishedTasks(flow, turn.threadId, 1);
      const { left } = await cut(flow, turn, how);
      const partial = keep === "partial" && moment === "mid-text" ? ["Half of it"] : [];
      expect(spoken(left)).toEqual(isUndone(how) ? [] : [speech(finished), ...partial]);
      expect((await call?.closed.opened)?.early).toBe(true);
    },
  );

  it.each(actions)("gated_branches, before after_slow: $action, keep $keep", async (how) => {
    const prompt = `branches ${how.action} ${how.keep}`;
    const place = "before after_slow";
    const turn = await begin(flow, gated("branches", [place]), prompt);
    const gate = flow.model.probe(`${place}: ${prompt}`);
    await gate.started.opened;
    await finishedTasks(flow, turn.threadId, 1);
    const { left } = await cut(flow, turn, how);
    expect(spoken(left)).toEqual(isUndone(how) ? [] : ["slow", "after_fast"].map(speech));
    await gate.hungUp.opened;
    expect(unasked(turn)).toEqual(["after_slow"]);
  });
});

describe.concurrent.each(shapes)("$graph, queued", (shape) => {
  /** A run that is held in mid-text, and one that waits behind it. */
  async function queue(prompt: string) {
    const ahead = await beginHeld(flow, shape, 0, `ahead, ${prompt}`, half);
    const script = flow.model.script(prompt, { text: ["It's my turn."] });
    const queued = send(flow.client, ahead.threadId, prompt, {
      graph: shape.graph,
      input: inputFor(shape, prompt),
      multitaskStrategy: "enqueue",
    });
    return { ahead, script, queued, runId: await queued.runId };
  }

  const aloud = (speakers: string[]) => speakers.filter((speaker) => !shape.inward?.includes(speaker));
  const [first = [], ...others] = shape.steps;

  it.each(howsOf())("alone: $action, keep $keep", async (how) => {
    const prompt = `${shape.graph}, queued, ${how.action} ${how.keep}`;
    const { ahead, script, queued, runId } = await queue(prompt);
    const { body } = await stop(flow.proxy.url, ahead.threadId, { ...how, run_id: runId });
    await queued.ended;
    // The thread is busy, so nothing can be written; what the user has said is handed back.
    expect(body).toMatchObject({ outcome: "superseded", run_ids: [runId], input: inputFor(shape, prompt) });
    for (const speaker of first) (await ahead.scripts.get(speaker)?.call(0))?.release();
    await ahead.live.ended;
    const left = await lookAt(flow, ahead, { action: "interrupt", keep: "partial" }, body);
    const toTheEnd = aloud(first).map(() => half.text.join(""));
    expect(spoken(left)).toEqual([...toTheEnd, ...aloud(others.flat()).map(speech)]);
    await goesOn(flow, shape, ahead.threadId, `then, ${prompt}`);
    expect(script.calls).toHaveLength(0);
  });

  it.each(howsOf())("with the one ahead: $action, keep $keep", async (how) => {
    const prompt = `${shape.graph}, queued with another, ${how.action} ${how.keep}`;
    const { ahead, script, queued, runId } = await queue(prompt);
    const { body } = await stop(flow.proxy.url, ahead.threadId, how);
    await Promise.all([ahead.live.ended, queued.ended]);
    expect(body).toMatchObject({ outcome: "stopped", run_ids: [await ahead.live.runId, runId] });
    const left = await lookAt(flow, ahead, how, body, [ahead.prompt, prompt]);
    expect(spoken(left)).toEqual(how.keep === "partial" ? aloud(first).map(() => "Half of it") : []);
    await goesOn(flow, shape, ahead.threadId, `then, ${prompt}`);
    expect(script.calls).toHaveLength(0);
  });
});

describe.concurrent("after the end", () => {
  const cells = shapes.flatMap((shape) => howsOf().map((how) => ({ graph: shape.graph, shape, ...how })));

  it.each(cells)("$graph: $action, keep $keep", async ({ shape, action, keep }) => {
    const prompt = `${shape.graph} at its end, ${action} ${keep}`;
    const { thread_id: threadId } = await flow.client.threads.create();
    await wholeTurn(flow, shape, threadId, prompt);
    const before = await flow.client.threads.getState(threadId);
    const [run] = await flow.client.runs.list(threadId);
    const late = await stop(flow.proxy.url, threadId, { action, keep, run_id: run?.run_id });
    expect(late.body).toEqual({
      thread_id: threadId,
      outcome: "finished",
      run_ids: [run?.run_id],
      kept: [],
      tool_calls: [],
    });
    expect((await stop(flow.proxy.url, threadId, { action, keep })).body.outcome).toBe("idle");
    expect(await flow.client.threads.getState(threadId)).toEqual(before);
    await goesOn(flow, shape, threadId, `then, ${prompt}`);
  });
});
