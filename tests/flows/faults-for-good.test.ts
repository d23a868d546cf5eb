import { describe, expect, inject, it, vi } from "vitest";
import {
  answeredBeforeLeaving,
  answering,
  cutAfter,
  dropped,
  leaving,
  silent,
  stalled,
  withoutAPart,
} from "../helpers/faults.ts";
import { goesOn, inTrouble, isNotStored, isStopped } from "../helpers/faulty-flow.ts";
import { conversation, outline, send, stop, useFlow } from "../helpers/flow.ts";

const flow = useFlow();

const always = { times: Number.POSITIVE_INFINITY };
const cancel = "POST /threads/:t/runs/:r/cancel";
const look = "GET /threads/:t/runs/:r";
const replay = "GET /threads/:t/runs/:r/stream";
const read = "GET /threads/:t/state";
const write = "POST /threads/:t/state";

describe.concurrent("each time, until the stop gives up", () => {
  it.for([
    { how: "no word of the run after the cancel", call: look, fault: dropped, reason: /GET \S+\/runs\/[^/]+: other/ },
    { how: "409 to the write", call: write, fault: answering(409), reason: /POST \S+\/state with 409/ },
    { how: "500 to the write", call: write, fault: answering(500), reason: /POST \S+\/state with 500/ },
    { how: "422 to the write", call: write, fault: answering(422), reason: /The LangGraph server answered 422/ },
    { how: "429 to the write", call: write, fault: answering(429), reason: /POST \S+\/state with 429/ },
    { how: "429 to the read", call: read, fault: answering(429), reason: /GET \S+\/state with 429/ },
    { how: "503 to the replay", call: replay, fault: answering(503), reason: /GET \S+\/stream with 503/ },
    { how: "a replay that is cut", call: replay, fault: cutAfter(3), reason: /broke off .* \S+\/stream 3 times/ },
    {
      how: "a replay without a part",
      call: replay,
      fault: withoutAPart,
      reason: /\/stream without a single part 3 times/,
    },
    { how: "a replay that says nothing", call: replay, fault: stalled, reason: /\/stream 2 times: no part for 10 s/ },
  ])(
    "$how: not stored, and said so; the next message mends it",
    { timeout: 60_000 },
    async ({ call, fault, reason }, context) => {
      const trouble = await inTrouble(context, flow);
      const rule = trouble.server.fault(call, fault, always);
      await isNotStored(trouble, reason);
      rule.end();
      await goesOn(trouble);
    },
  );

  it.for([
    { since: "the cancel", call: cancel, fault: answeredBeforeLeaving, reason: /GET \S+: connect ECONNREFUSED/ },
    { since: "the replay", call: read, fault: leaving, reason: /GET \S+\/state: connect ECONNREFUSED/ },
  ])(
    "gone since $since: not stored, and said so; once it is back the next message mends it",
    {
      timeout: 60_000,
    },
    async ({ call, fault, reason }, context) => {
      const trouble = await inTrouble(context, flow);
      trouble.server.fault(call, fault);
      await isNotStored(trouble, reason);
      await trouble.server.back();
      await goesOn(trouble);
    },
  );

  it("500 to the write, and Stop pressed again and again: all are told so at once", {
    timeout: 60_000,
  }, async (context) => {
    const trouble = await inTrouble(context, flow);
    const rule = trouble.server.fault(write, answering(500), always);
    const first = stop(trouble.proxy.url, trouble.threadId);
    await trouble.server.came(write);
    const others = [1, 2].map(() => stop(trouble.proxy.url, trouble.threadId));
    const told = await first;
    expect(told).toMatchObject({ status: 502, body: { error: "not_stored" } });
    const toldAt = performance.now();
    expect(await Promise.all(others)).toEqual([told, told]);
    expect(performance.now() - toldAt).toBeLessThan(1000);
    rule.end();
    await goesOn(trouble);
  });

  it.for([401, 403, 404])("%s to the write: the server's own refusal", async (status, context) => {
    const trouble = await inTrouble(context, flow);
    const rule = trouble.server.fault(write, answering(status), always);
    const answer = await fetch(`${trouble.proxy.url}/threads/${trouble.threadId}/stop`, { method: "POST" });
    expect([answer.status, await answer.text()]).toEqual([status, expect.stringMatching(/^Trouble/)]);
    rule.end();
    await goesOn(trouble);
  });

  it("429 to the first look: the server's own answer, and the run goes on", async (context) => {
    const trouble = await inTrouble(context, flow);
    trouble.server.fault("GET /threads/:t", answering(429), always);
    const answer = await fetch(`${trouble.proxy.url}/threads/${trouble.threadId}/stop`, { method: "POST" });
    expect([answer.status, await answer.text()]).toEqual([429, expect.stringMatching(/^Trouble/)]);
    expect((await flow.direct.runs.get(trouble.threadId, trouble.runId)).status).toBe("running");
    trouble.call.release();
  });

  it("500 to the write of a rollback: not stored, and said so; the next message stores it", {
    timeout: 60_000,
  }, async (context) => {
    const trouble = await inTrouble(context, flow);
    const rule = trouble.server.fault(write, answering(500), always);
    await isNotStored(trouble, /POST \S+\/state with 500/, { action: "rollback" });
    rule.end();
    await goesOn(trouble);
  });

  it("500 to the deletion of a rollback: stored, and said what is left", { timeout: 60_000 }, async (context) => {
    const trouble = await inTrouble(context, flow);
    const rule = trouble.server.fault("DELETE /threads/:t/runs/:r", answering(500), always);
    const { status, body } = await stop(trouble.proxy.url, trouble.threadId, { action: "rollback" });
    expect([status, body]).toMatchObject([
      502,
      { error: "rollback_failed", outcome: "stopped", kept: [{ content: "Once upon a" }] },
    ]);
    expect((body as { message?: string }).message).toMatch(/plain conversation, but .* DELETE \S+ with 500\.$/);
    rule.end();
    await goesOn(trouble);
  });

  it("500 to the write of a rollback: asked again, it is stored", { timeout: 60_000 }, async (context) => {
    const trouble = await inTrouble(context, flow);
    const rule = trouble.server.fault(write, answering(500), always);
    await stop(trouble.proxy.url, trouble.threadId, { action: "rollback" });
    rule.end();
    await isStopped(trouble, { action: "rollback" });
  });

  it("500 to the cancel: said so, and the run goes on until the next Stop", async (context) => {
    const trouble = await inTrouble(context, flow);
    const rule = trouble.server.fault(cancel, answering(500), always);
    const { status, body } = await stop(trouble.proxy.url, trouble.threadId);
    const message = `The LangGraph server answered POST /threads/${trouble.threadId}/runs/${trouble.runId}/cancel with 500.`;
    expect([status, body]).toEqual([502, { error: "upstream_failed", message }]);
    expect((await flow.direct.runs.get(trouble.threadId, trouble.runId)).status).toBe("running");
    rule.end();
    await isStopped(trouble);
  });

  it("a replay without a part, also before the next message: it has its turn all the same", async (context) => {
    const trouble = await inTrouble(context, flow);
    trouble.server.fault(replay, withoutAPart, always);
    await isNotStored(trouble, /without a single part 3 times/);
    await isNotStored(trouble, /without a single part 3 times/);
    flow.model.script("and now?", { text: ["Gladly."] });
    await send(trouble.client, trouble.threadId, "and now?").ended;
    const said = outline(await conversation(flow.direct, trouble.threadId));
    expect(said).toEqual([`human: ${trouble.prompt}`, "human: and now?", "ai: Gladly."]);
  });

  it("a replay that is cut, where nothing is healed: another Stop is what stores it, as is said", async (context) => {
    const trouble = await inTrouble(context, flow, { env: { HEAL: "off" } });
    const rule = trouble.server.fault(replay, cutAfter(3), always);
    await isNotStored(trouble, /is only stored if it is stopped again before the next message/);
    rule.end();
    await isStopped(trouble);
    await goesOn(trouble);
  });

  /** Of the JS server no snapshots are taken: it forgets nothing. */
  it.runIf(inject("server") === "python")(
    "a replay without a part, of a run that left a snapshot: what that has is kept",
    async (context) => {
      const trouble = await inTrouble(context, flow, { env: { REPLAY_WINDOW: "4" } });
      const stored = () => flow.direct.store.getItem(["fermata", "snapshots"], trouble.runId);
      await vi.waitFor(async () => expect(await stored()).toBeTruthy(), 20_000);
      trouble.server.fault(replay, withoutAPart, always);
      await isStopped(trouble);
    },
  );
});

describe.concurrent("nothing for 30 s, once", () => {
  it.for([
    { call: read, before: "it answers", fault: silent(30_000) },
    { call: write, before: "it carries it out, in the end", fault: silent(12_000) },
    { call: read, before: "the rest of the answer", fault: stalled },
    { call: write, before: "the rest of the answer", fault: stalled },
    { call: replay, before: "the first part", fault: stalled },
  ])("$call, before $before: stopped, text whole; whoever reads meanwhile waits 10 s at most", async (how, context) => {
    const trouble = await inTrouble(context, flow);
    const rule = trouble.server.fault(how.call, how.fault);
    const stopped = isStopped(trouble);
    await trouble.server.came(how.call);
    const asked = performance.now();
    await trouble.client.threads.get(trouble.threadId);
    expect(performance.now() - asked).toBeLessThan(10_500);
    await stopped;
    expect(rule.applied).toBe(1);
    await goesOn(trouble);
  });
});
