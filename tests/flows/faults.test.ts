import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  answeredBeforeLeaving,
  answering,
  busyFor,
  cutAfter,
  leaving,
  lost,
  torn,
  withoutAPart,
} from "../helpers/faults.ts";
import { goesOn, inTrouble, isStopped } from "../helpers/faulty-flow.ts";
import { useFlow } from "../helpers/flow.ts";

const flow = useFlow();

const interrupting = [
  "GET /threads/:t",
  "GET /threads/:t/runs",
  "GET /threads/:t/runs/:r",
  "POST /threads/:t/runs/:r/cancel",
  "GET /threads/:t/runs/:r/stream",
  "GET /threads/:t/state",
  "POST /threads/:t/state",
].map((call) => ({ call, action: "interrupt" }));
const rollingBack = ["DELETE /threads/:t/runs/:r", "GET /threads/:t/state", "POST /threads/:t/state"].map((call) => ({
  call,
  action: "rollback",
}));
const calls = [...interrupting, ...rollingBack];

describe.concurrent.each([
  { how: "answers 500", fault: answering(500) },
  { how: "answers 408", fault: answering(408) },
  { how: "answers 429", fault: busyFor(0) },
  { how: "carries out, but its answer is lost", fault: lost },
  { how: "tears its answer", fault: torn },
])("once the server $how", ({ fault }) => {
  it.for(calls)("$call, $action: stopped, text whole", async ({ call, action }, context) => {
    const trouble = await inTrouble(context, flow);
    const rule = trouble.server.fault(call, fault);
    await isStopped(trouble, { action });
    expect(rule.applied).toBe(1);
    await trouble.live.ended;
  });
});

describe.concurrent("the server is gone for 2 s", () => {
  it.for([
    { moment: "after the cancel", call: "POST /threads/:t/runs/:r/cancel", fault: answeredBeforeLeaving },
    { moment: "before the replay", call: "GET /threads/:t/runs/:r/stream", fault: leaving },
    { moment: "before the write", call: "POST /threads/:t/state", fault: leaving },
    { moment: "after the write", call: "POST /threads/:t/state", fault: answeredBeforeLeaving },
  ])("$moment: stopped, text whole", async ({ call, fault }, context) => {
    const trouble = await inTrouble(context, flow);
    const { server } = trouble;
    server.fault(call, fault);
    const stopped = isStopped(trouble);
    await server.came(call);
    // So long it is gone.
    await delay(2000);
    await server.back();
    await stopped;
    await goesOn(trouble);
  });
});

describe.concurrent("a busy server, a broken stream", () => {
  it("409 to the write for a while: stopped, text whole (case 8)", async (context) => {
    const trouble = await inTrouble(context, flow);
    const busy = trouble.server.fault("POST /threads/:t/state", answering(409), { times: Number.POSITIVE_INFINITY });
    const stopped = isStopped(trouble);
    await trouble.server.came("POST /threads/:t/state", 20);
    busy.end();
    await stopped;
    expect(busy.applied).toBeGreaterThanOrEqual(20);
  });

  it("429 that says when to come again: not asked before, and stopped, text whole", async (context) => {
    const trouble = await inTrouble(context, flow);
    const read = "GET /threads/:t/state";
    trouble.server.fault(read, busyFor(2));
    const stopped = isStopped(trouble);
    await trouble.server.came(read);
    const since = performance.now();
    await trouble.server.came(read, 2);
    expect(performance.now() - since).toBeGreaterThan(1990);
    await stopped;
  });

  it.for([
    { how: "cut in the middle", fault: cutAfter(3) },
    { how: "without a part", fault: withoutAPart },
  ])("a replay $how, once: stopped, text whole", async ({ fault }, context) => {
    const trouble = await inTrouble(context, flow);
    const rule = trouble.server.fault("GET /threads/:t/runs/:r/stream", fault);
    await isStopped(trouble);
    expect(rule.applied).toBe(1);
  });

  it.for([
    { when: "while the client reads", frames: 3 },
    { when: "before the first part", frames: 0 },
  ])("a creation that is cut $when: it gets the rest, and a stop keeps it", async ({ frames }, context) => {
    const creation = "POST /threads/:t/runs/stream";
    const trouble = await inTrouble(context, flow, { before: ({ fault }) => void fault(creation, cutAfter(frames)) });
    expect(trouble.server.count("GET /threads/:t/runs/:r/stream")).toBe(1);
    expect(trouble.live.parts[0]?.event).toBe("metadata");
    await isStopped(trouble);
    await trouble.live.ended;
  });
});
