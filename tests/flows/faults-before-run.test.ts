import { describe, expect, it, vi } from "vitest";
import { answering, cutAfter, dropped, lost, silent } from "../helpers/faults.ts";
import { goesOn, inTrouble, standsOnce } from "../helpers/faulty-flow.ts";
import { conversation, outline, send, stop, useFlow } from "../helpers/flow.ts";

const flow = useFlow();

const always = { times: Number.POSITIVE_INFINITY };
const list = "GET /threads/:t/runs";
const look = "GET /threads/:t/runs/:r";
const cancel = "POST /threads/:t/runs/:r/cancel";
const replay = "GET /threads/:t/runs/:r/stream";
const read = "GET /threads/:t/state";
const write = "POST /threads/:t/state";
const creation = "POST /threads/:t/runs/stream";

describe.concurrent("double texting, while the server fails once", () => {
  it.for([
    { call: list, how: "answers 500", fault: answering(500) },
    { call: look, how: "answers 500", fault: answering(500) },
    { call: cancel, how: "loses its answer", fault: lost },
    { call: replay, how: "breaks off", fault: cutAfter(3) },
    { call: read, how: "answers 503", fault: answering(503) },
    { call: write, how: "loses its answer", fault: lost },
    { call: write, how: "carries out nothing", fault: dropped },
  ])("$call $how: what was shown stands before the new message", async ({ call, fault }, context) => {
    const trouble = await inTrouble(context, flow);
    const rule = trouble.server.fault(call, fault);
    await goesOn(trouble, { multitaskStrategy: "interrupt" });
    expect(rule.applied).toBe(1);
  });
});

describe.concurrent("double texting, while the server fails each time", () => {
  it.for([
    { call: list, fault: answering(500), error: "upstream_failed", reason: /GET \S+\/runs with 500\.$/ },
    { call: replay, fault: cutAfter(3), error: "not_stored", reason: /broke off its answer to GET \S+\/stream/ },
  ])(
    "$call: no new run is created, and why is said; asked again, all is there",
    { timeout: 60_000 },
    async ({ call, fault, error, reason }, context) => {
      const trouble = await inTrouble(context, flow);
      const rule = trouble.server.fault(call, fault, always);
      const answer = await fetch(`${trouble.proxy.url}/threads/${trouble.threadId}/runs/stream`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          assistant_id: "agent",
          input: { messages: [{ role: "user", content: "too early" }] },
          multitask_strategy: "interrupt",
        }),
      });
      expect(await answer.json()).toEqual({ error, message: expect.stringMatching(reason) });
      expect(answer.status).toBe(502);
      expect(trouble.server.count(creation)).toBe(1);
      rule.end();
      await goesOn(trouble, { multitaskStrategy: "interrupt" });
    },
  );
});

describe("eight stops of a server that says nothing", () => {
  it("don't hold up a message on another thread, nor its Stop", { timeout: 60_000 }, async (context) => {
    const first = await inTrouble(context, flow);
    const { server, proxy, client } = first;
    const others = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const { thread_id: threadId } = await client.threads.create();
        const prompt = `stopped in silence ${n}`;
        const script = flow.model.script(prompt, { text: ["Once ", "upon "], holdAfter: 2 });
        send(client, threadId, prompt).ended.catch(() => "broken off");
        await (await script.call(0)).held.opened;
        return threadId;
      }),
    );
    const rule = server.fault(read, silent(30_000), { times: 8 });
    const stops = others.map((threadId) => stop(proxy.url, threadId));
    await server.came(read, 8);
    const asked = performance.now();
    // It takes the place of the one that runs, and so stops that.
    await goesOn(first, { multitaskStrategy: "interrupt" });
    expect(performance.now() - asked).toBeLessThan(5000);
    const answers = await Promise.all(stops);
    expect(answers.map(({ body }) => body.outcome)).toEqual(others.map(() => "stopped"));
    expect(rule.applied).toBe(8);
  });
});

describe.concurrent("healing that fails each time", () => {
  it.for([
    { call: replay, fault: cutAfter(3) },
    { call: list, fault: answering(500) },
    { call: look, fault: answering(403) },
  ])("$call: the new run has its turn all the same", { timeout: 60_000 }, async ({ call, fault }, context) => {
    const trouble = await inTrouble(context, flow);
    await flow.direct.runs.cancel(trouble.threadId, trouble.runId, true);
    await trouble.live.ended;
    const rule = trouble.server.fault(call, fault, always);
    const next = `all the same: ${call}`;
    flow.model.script(next, { text: ["Gladly."] });
    await send(trouble.client, trouble.threadId, next).ended;
    expect(rule.applied).toBeGreaterThan(0);
    const messages = await conversation(flow.direct, trouble.threadId);
    expect(outline(messages)).toEqual([`human: ${trouble.prompt}`, `human: ${next}`, "ai: Gladly."]);
  });
});

describe.concurrent("a hang-up that is a Stop", () => {
  it.for([
    { call: look, how: "answers 500", fault: answering(500) },
    { call: cancel, how: "carries out nothing", fault: dropped },
    { call: replay, how: "breaks off", fault: cutAfter(3) },
    { call: read, how: "answers 500", fault: answering(500) },
    { call: write, how: "loses its answer", fault: lost },
  ])("$call $how, once: what was shown stands", async ({ call, fault }, context) => {
    const trouble = await inTrouble(context, flow, { onDisconnect: "cancel" });
    const rule = trouble.server.fault(call, fault);
    trouble.live.hangUp();
    await vi.waitFor(() => expect(rule.applied).toBe(1), { timeout: 20_000 });
    // Held until the stop is over.
    await trouble.client.threads.get(trouble.threadId);
    await standsOnce(trouble);
  });

  it("each time: the next message stores what was shown, once it can be", async (context) => {
    const trouble = await inTrouble(context, flow, { onDisconnect: "cancel" });
    const rule = trouble.server.fault(replay, cutAfter(3), always);
    trouble.live.hangUp();
    await trouble.server.came(replay, 3);
    rule.end();
    await goesOn(trouble);
  });

  it("each time, at its cancel: the next message stops the run and stores what was shown", async (context) => {
    const trouble = await inTrouble(context, flow, { onDisconnect: "cancel" });
    const rule = trouble.server.fault(cancel, answering(403), always);
    trouble.live.hangUp();
    await vi.waitFor(() => expect(rule.applied).toBe(1), { timeout: 20_000 });
    rule.end();
    await goesOn(trouble);
  });
});
