import type { Run } from "@langchain/langgraph-sdk";
import { describe, expect, it } from "vitest";
import { FrameSplitter } from "../../proxy/sse/frames.ts";
import { stoppable } from "../../proxy/sse/modes.ts";
import { chainOf, flagKey, latestChain, standingOf } from "../../proxy/stepwise/chain.ts";
import { firstOf, firstStep, isStepwise, nextStep, stepOf, templateOf } from "../../proxy/stepwise/step-body.ts";
import { StepFrames } from "../../proxy/stepwise/step-frames.ts";
import { parseStepId, stepIdText, wasSeen } from "../../proxy/stepwise/step-id.ts";

const asked = {
  assistant_id: "agent",
  input: { messages: [] },
  metadata: { stepwise: true },
  checkpoint_id: "somewhere",
  config: { configurable: { checkpoint_id: "somewhere", colour: "red" } },
};

const { body } = stoppable(asked, undefined);
const first = firstStep(body, "js");
const next = nextStep(templateOf({ kwargs: first }), "run-0");
let minute = 0;
const run = (run_id: string, kwargs: object, others: Partial<Run> = {}) =>
  ({
    run_id,
    kwargs,
    status: "success",
    metadata: {},
    created_at: `2026-01-01T00:${10 + minute++}:00Z`,
    ...others,
  }) as Run;

describe("the bodies of the steps", () => {
  it("are asked for by metadata, unless every step is to pause anyway", () => {
    expect(isStepwise(asked)).toBe(true);
    expect(isStepwise({ ...asked, interrupt_after: "*" })).toBe(false);
    expect(isStepwise({ ...asked, interrupt_before: ["*"] })).toBe(false);
    expect(isStepwise({ metadata: { stepwise: "true" } })).toBe(false);
    expect(isStepwise({})).toBe(false);
  });

  it("pause after a step; all but the first have no input, start from the head and give way to anything", () => {
    expect(first).toMatchObject({ input: asked.input, checkpoint_id: "somewhere", interrupt_after: "*" });
    expect(next).toMatchObject({
      input: null,
      interrupt_after: "*",
      multitask_strategy: "reject",
      assistant_id: "agent",
    });
    expect(next).not.toHaveProperty("checkpoint_id");
    expect(next).toMatchObject({ config: { configurable: { checkpoint_id: null, colour: "red" } } });
  });

  it("have no configurable beside a context where the server takes none", () => {
    const withContext = stoppable(
      { ...asked, config: undefined, checkpoint_id: undefined, context: { colour: "red" } },
      undefined,
    );
    const templates = (["js", "python"] as const).map((kind) =>
      templateOf({ kwargs: firstStep(withContext.body, kind) }),
    );
    expect(templates.map(({ config }) => config)).toEqual([{ configurable: { checkpoint_id: null } }, undefined]);
    expect(templates.map(({ context }) => context)).toMatchObject([{ colour: "red" }, { colour: "red" }]);
  });

  it("say which run they belong to; a run that merely inherited that is none", () => {
    expect(firstOf(run("run-0", first))).toBe("run-0");
    expect(firstOf(run("run-1", next))).toBe("run-0");
    expect(stepOf({ kwargs: { ...first, interrupt_after: undefined } })).toBeUndefined();
    expect(firstOf(run("other", stoppable({ ...first, interrupt_after: "*" }, undefined).body))).toBeUndefined();
  });
});

describe("a chain", () => {
  const runs = [run("run-0", first), run("run-1", next), run("flag", {}, { metadata: { [flagKey]: "run-0" } })];

  it("has its steps, its flags, and a last one", () => {
    const chain = chainOf(runs, "run-0");
    expect(chain?.steps.map(({ run_id }) => run_id)).toEqual(["run-0", "run-1"]);
    expect(chain?.flags.map(({ run_id }) => run_id)).toEqual(["flag"]);
    expect(chain?.overtaken).toBe(false);
    expect(latestChain([...runs, run("later", {})])).toBeUndefined();
  });

  const loop = { source: "loop", run_id: "run-1" };

  it.each([
    ["at a boundary", { next: ["b"], tasks: [], metadata: loop }, "resting"],
    ["at its end", { next: [], tasks: [], metadata: loop }, "over"],
    ["at a question", { next: ["b"], tasks: [{ id: "1", name: "b", interrupts: [{}] }], metadata: loop }, "paused"],
    ["before a breakpoint", { next: ["stop_before"], tasks: [], metadata: loop }, "paused"],
    ["where somebody has written since", { next: ["b"], tasks: [], metadata: { source: "update" } }, "over"],
    ["where another has run", { next: ["b"], tasks: [], metadata: { ...loop, run_id: "other" } }, "over"],
  ] as const)("rests, is paused or over: %s", (_, state, standing) => {
    const chain = chainOf(runs, "run-0");
    const breakpoints = { before: ["stop_before"], after: ["stop_after"] };
    expect(chain && standingOf(chain, state as never, breakpoints)).toBe(standing);
  });

  it("waits in the queue as long as another is active before it", () => {
    const waiting = run("run-9", firstStep(stoppable(asked, undefined).body, "js"), { status: "pending" });
    const before = (status: Run["status"]) => [
      run("earlier", {}, { status, created_at: "2025-01-01T00:00:00Z" }),
      waiting,
    ];
    expect(chainOf(before("running"), "run-9")?.queued).toBe(true);
    expect(chainOf(before("success"), "run-9")?.queued).toBe(false);
  });
});

describe("the ids of events", () => {
  it("say the step, and which of several that share an id", () => {
    for (const id of [
      { step: 2, id: "17", nth: 0 },
      { step: 0, id: "1795394733024-0", nth: 3 },
    ]) {
      expect(parseStepId(stepIdText(id))).toEqual(id);
    }
    expect(parseStepId("-1")).toBeUndefined();
    expect(parseStepId("17")).toBeUndefined();
  });

  it("are in order", () => {
    const seen = { step: 0, id: "1000-0", nth: 1 };
    expect(wasSeen({ step: 0, id: "1000-0", nth: 1 }, seen)).toBe(true);
    expect(wasSeen({ step: 0, id: "1000-0", nth: 2 }, seen)).toBe(false);
    expect(wasSeen({ step: 0, id: "999-0", nth: 9 }, seen)).toBe(true);
    expect(wasSeen({ step: 0, id: "1001-0", nth: 0 }, seen)).toBe(false);
  });
});

describe("the frames of a step", () => {
  const wire = (...parts: [string, string, string][]) =>
    parts.map(([event, data, id]) => `event: ${event}\r\ndata: ${data}\r\nid: ${id}\r\n\r\n`).join("");

  function through(text: string, options: Partial<ConstructorParameters<typeof StepFrames>[0]> = {}) {
    const frames = new StepFrames({ step: 1, joined: true, isAddition: () => false, ...options });
    const kept = new FrameSplitter().push(Buffer.from(text)).filter((frame) => frames.keep(frame));
    const named = kept.map(({ bytes }) =>
      /event: (.*)\r\n(?:.|\r|\n)*id: (.*)\r\n\r\n$/.exec(bytes.toString())?.slice(1).join(" "),
    );
    return { named, pause: frames.pause };
  }

  it("lack what a later step repeats, and the pause that the driving makes", () => {
    const text = wire(
      ["metadata", "{}", "0"],
      ["values", '{"messages":[]}', "1"],
      ["updates", '{"b":{}}', "2"],
      ["values", '{"messages":[1]}', "3"],
      ["updates", '{"__interrupt__":[]}', "4"],
      ["values", '{"__interrupt__":[]}', "5"],
    );
    expect(through(text)).toMatchObject({ named: ["updates 1:2", "values 1:3"] });
    expect(through(text).pause).toHaveLength(2);
    expect(through(text, { step: 0 }).named).toEqual(["metadata 0:0", "values 0:1", "updates 0:2", "values 0:3"]);
  });

  it("keep a question", () => {
    expect(through(wire(["updates", '{"__interrupt__":[{"value":1}]}', "7"])).named).toEqual(["updates 1:7"]);
  });

  const of = (id: string, ...data: string[]) => data.map((one) => wire(["messages", one, id])).join("");

  it("come once, where a server sends some twice, and go on behind the last that was seen", () => {
    const [first, second] = [of("1000-0", "a", "b"), of("1001-0", "c")];
    const again = `${of("1000-0", "b")}${second}`;
    expect(through(`${first}${second}${again}${of("1001-0", "d")}${of("1002-0", "e")}`).named).toEqual([
      "messages 1:1000-0",
      "messages 1:1000-0.1",
      "messages 1:1001-0",
      "messages 1:1001-0.1",
      "messages 1:1002-0",
    ]);
    const seen = { step: 1, id: "1000-0", nth: 0 };
    expect(through(`${first}${second}`, { seen }).named).toEqual(["messages 1:1000-0.1", "messages 1:1001-0"]);
  });

  it("come once, where all that had come had one id", () => {
    const begun = `${wire(["metadata", "{}", "1000-0"])}${of("1000-0", "ha", "ha")}`;
    const named = ["metadata 0:1000-0", "messages 0:1000-0.1", "messages 0:1000-0.2", "messages 0:1000-0.3"];
    expect(through(`${begun}${begun}${of("1000-0", "ha")}`, { step: 0 }).named).toEqual(named);
  });

  it("that are alike, at the same moment, are all kept", () => {
    const same = Array<string>(5).fill("ha");
    expect(through(`${of("1000-0", ...same)}${of("1001-0", ...same)}`).named).toHaveLength(10);
  });

  it("are all kept of what is still to come, where the step had begun", () => {
    const rest = wire(["values", '{"messages":[1]}', "3"], ["updates", '{"__interrupt__":[]}', "4"]);
    expect(through(rest, { begun: true }).named).toEqual(["values 1:3"]);
    expect(through(rest).named).toEqual([]);
  });

  it("that are alike are all kept where nothing is joined", () => {
    const one = wire(["messages", "ha", "1000-0"]);
    expect(through(`${one}${one}`, { joined: false }).named).toHaveLength(2);
  });
});
