import { describe, expect, inject, it } from "vitest";
import { silent } from "../helpers/faults.ts";
import { startFaultyUpstream } from "../helpers/faulty-upstream.ts";
import {
  type Asked,
  goesOnUnnoticing,
  inMidText,
  shown,
  story,
  useGuardedFlow,
  type Who,
} from "../helpers/guarded-flow.ts";
import { startProxy } from "../helpers/proxy.ts";

const flow = useGuardedFlow();
/** The JS server has no such routes, for nobody. */
const isPython = inject("server") === "python";

const post = (path: string, body?: unknown): Asked => ({ method: "POST", path, body });
const get = (path: string, headers?: Record<string, string>): Asked => ({ method: "GET", path, headers });

describe("a cancel of many", () => {
  it.each<[Who, number]>([
    ["bob", 404],
    [undefined, 401],
    ["alice-readonly", 403],
    ["alice-guest", 404],
  ])("by %s is answered as the server answers, and her run goes on", async (who, status) => {
    const hers = await inMidText(flow, "alice", `not for ${who}`);
    const { threadId, runId } = hers;
    for (const body of [{ thread_id: threadId, run_ids: [runId] }, { status: "running" }, { status: "all" }]) {
      for (const query of ["", "?action=rollback"]) {
        const asked = post(`/runs/cancel${query}`, body);
        const bare = await flow.askDirectly(who, asked);
        expect({ asked, ...(await flow.ask(who, asked)) }).toEqual({ asked, ...bare });
        expect({ asked, status: bare.status }).toEqual({ asked, status: isPython || !who ? status : 404 });
      }
    }
    await goesOnUnnoticing(flow, "alice", hers);
  });

  it.runIf(isPython)("by bob, of his run and of hers, stops his alone", async () => {
    const [hers, his] = [await inMidText(flow, "alice", "hers of two"), await inMidText(flow, "bob", "his of two")];
    expect((await flow.ask("bob", post("/runs/cancel", { status: "all" }))).status).toBe(204);
    await his.live.ended;
    expect((await flow.as("bob").runs.get(his.threadId, his.runId)).status).toBe("interrupted");
    await goesOnUnnoticing(flow, "alice", hers);
  });
});

describe("a thread's stream", () => {
  it.each<Who>(["bob", undefined])(
    "shows %s nothing of it, live or again: they get the server's own refusal",
    async (who) => {
      const hers = await inMidText(flow, "alice", `read by ${who}`);
      // The JS server has no such route, and says so to everybody.
      const refusal = get(isPython ? `/threads/${hers.threadId}` : `/threads/${hers.threadId}/stream`);
      for (const headers of [undefined, { "last-event-id": "-1" }, { "last-event-id": "0-0" }]) {
        const answer = await flow.ask(who, get(`/threads/${hers.threadId}/stream`, headers));
        expect(answer).toEqual(await flow.askDirectly(who, refusal));
        expect(answer.status).toBe(who ? 404 : 401);
      }
      await goesOnUnnoticing(flow, "alice", hers);
    },
  );
});

describe("a run without a thread", () => {
  it("is streamed to whoever created it, and to nobody else", async () => {
    const prompt = "hers alone";
    const script = flow.model.script(prompt, { text: story, holdAfter: 3 });
    const input = { messages: [{ role: "user", content: prompt }] };
    const asked = { input, streamMode: ["messages-tuple" as const], streamResumable: true };
    const { run_id: runId } = await flow.as("alice").runs.create(null, "react", asked);
    const call = await script.call(0);
    await call.held.opened;
    const stream = get(`/runs/${runId}/stream`, { "last-event-id": "-1" });
    const head = { method: "HEAD", path: stream.path };
    for (const [who, status] of [["bob", 404] as const, [undefined, 401] as const]) {
      for (const asked of [stream, head]) expect((await flow.ask(who, asked)).status).toBe(status);
    }
    // The Python server has no such route.
    if (isPython) expect((await flow.ask("alice", stream)).status).toBe(404);
    const parts: unknown[] = [];
    const read = async () => {
      for await (const part of flow.as("alice").runs.joinStream(null, runId, { lastEventId: "-1" })) {
        parts.push(part);
        call.release();
      }
    };
    if (!isPython) await read();
    call.release();
    await call.closed.opened;
    for (const words of isPython ? [] : story) expect(JSON.stringify(parts)).toContain(`"${words}"`);
  });
});

describe("a Stop that is refused", () => {
  it.each([
    { route: "stop", read: "GET /threads/:t" },
    { route: "runs/:r/cancel", read: "GET /threads/:t/runs/:r" },
  ])("holds nobody meanwhile but the stranger who asks: $route", async ({ route, read }) => {
    const server = await startFaultyUpstream(flow.url);
    const replica = await startProxy(server.url);
    const { threadId, runId, live } = await inMidText(flow, "alice", `not held, ${route}`);
    const state = get(`/threads/${threadId}/state`);
    const asked = post(`/threads/${threadId}/${route.replace(":r", runId)}`);
    server.fault(read, silent(3000));
    const answers: string[] = [];
    const noted = (name: string, answer: Promise<{ status: number }>) =>
      answer.then(({ status }) => answers.push(`${name} ${status}`));
    const his = noted("his stop", flow.ask("bob", asked, replica));
    await server.came(read);
    const hisRead = noted("his read", flow.ask("bob", state, replica));
    await noted("her read", flow.ask("alice", state, replica));
    const stopped = noted("her stop", flow.ask("alice", asked, replica));
    const held = noted("her next read", flow.ask("alice", state, replica));
    await Promise.all([stopped, held]);
    expect(answers.slice(0, 2)).toEqual(["her read 200", expect.stringMatching(/^her stop 20/)]);
    await Promise.all([his, hisRead]);
    expect(answers.slice(2)).toEqual(["her next read 200", "his stop 404", "his read 404"]);
    await live.ended;
    expect((await flow.ask("alice", state, replica)).body).toContain(shown);
    await replica.close();
    server.close();
  });
});
