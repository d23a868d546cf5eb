import { describe, expect, it } from "vitest";
import { answering, lost, torn } from "../helpers/faults.ts";
import { inTrouble, isStopped } from "../helpers/faulty-flow.ts";
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
