import { describe, expect, it } from "vitest";
import { conversation, outline, send } from "../helpers/flow.ts";
import { type Asked, goesOnUnnoticing, inMidText, shown, useGuardedFlow, type Who } from "../helpers/guarded-flow.ts";
import { rawRequest } from "../helpers/raw-request.ts";

const flow = useGuardedFlow();

const post = (path: string, body?: unknown): Asked => ({ method: "POST", path, body });
const get = (path: string, headers?: Record<string, string>): Asked => ({ method: "GET", path, headers });

/** All that can be asked of a run, with the read by which the server says whose it is. */
function attempts(threadId: string, runId: string): { name: string; asked: Asked; read: Asked }[] {
  const thread = `/threads/${threadId}`;
  const run = `${thread}/runs/${runId}`;
  return [
    { name: "stop", asked: post(`${thread}/stop`), read: get(thread) },
    { name: "undo", asked: post(`${thread}/stop`, { action: "rollback", keep: "nothing" }), read: get(thread) },
    { name: "stop by run id", asked: post(`${thread}/stop`, { run_id: runId }), read: get(thread) },
    { name: "cancel", asked: post(`${run}/cancel`), read: get(run) },
    { name: "cancel and wait", asked: post(`${run}/cancel?wait=1&action=rollback`), read: get(run) },
    { name: "join", asked: get(`${run}/stream?cancel_on_disconnect=1`), read: get(run) },
    { name: "replay", asked: get(`${run}/stream`, { "last-event-id": "-1" }), read: get(run) },
    { name: "wait", asked: get(`${run}/join?cancel_on_disconnect=1`), read: get(run) },
    {
      name: "replay without its thread",
      asked: get(`/runs/${runId}/stream?cancel_on_disconnect=1`, { "last-event-id": "-1" }),
      // What the server says of a run that isn't there.
      read: get(`/threads/${runId}/runs/${runId}`),
    },
  ];
}

const newRun = (path: string, strategy?: string) =>
  post(path, {
    assistant_id: "react",
    input: { messages: [{ role: "user", content: "let me in" }] },
    multitask_strategy: strategy,
  });

/** Each attempt gets what the bare server answers to the read, to the letter. */
async function isRefused(who: Who, threadId: string, runId: string, status: number) {
  for (const { name, asked, read } of attempts(threadId, runId)) {
    const [answer, bare] = [await flow.ask(who, asked), await flow.askDirectly(who, read)];
    expect({ name, ...answer }).toEqual({ name, ...bare });
    expect({ name, status: answer.status }).toEqual({ name, status });
  }
}

describe.concurrent("somebody else's run (case 28)", () => {
  it("does not notice what strangers ask of it, and they get the server's own refusal", async () => {
    const hers = await inMidText(flow, "alice", "between us");
    await isRefused("bob", hers.threadId, hers.runId, 404);
    await isRefused(undefined, hers.threadId, hers.runId, 401);
    await goesOnUnnoticing(flow, "alice", hers);
  });

  it("is not reached by another spelling of the same path", async () => {
    const hers = await inMidText(flow, "alice", "spelt otherwise");
    const { threadId, runId } = hers;
    const run = `/threads/${threadId}/runs/${runId}`;
    const bare = await flow.askDirectly("bob", get(run));
    for (const path of [
      `${run}/%73tream`,
      `/thread%73/${threadId}/runs/${runId}/stream`,
      `/x/../threads/${threadId}/runs/${runId}/stream`,
      `/x/%2e%2e/threads/${threadId}/runs/${runId}/./stream`,
      `/threads\\${threadId}/runs/${runId}/stream`,
    ]) {
      const headers: [string, string][] = [
        ["authorization", "Bearer bob"],
        ["last-event-id", "-1"],
      ];
      const asked = { path: `${path}?cancel_on_disconnect=1`, headers };
      expect({ path, ...(await rawRequest(flow.proxyUrl, asked)) }).toEqual({ path, ...bare });
    }
    await goesOnUnnoticing(flow, "alice", hers);
  });

  it("is not stopped, nor healed, by a run that a stranger starts on its thread", async () => {
    const hers = await inMidText(flow, "alice", "my thread");
    const thread = `/threads/${hers.threadId}`;
    for (const who of ["bob", undefined] as Who[]) {
      for (const path of ["runs/stream", "runs", "runs/wait"]) {
        for (const strategy of ["interrupt", "rollback", undefined]) {
          const asked = newRun(`${thread}/${path}`, strategy);
          const answer = await flow.ask(who, asked);
          expect(answer).toEqual(await flow.askDirectly(who, asked));
          expect(answer.status).toBe(who ? 404 : 401);
        }
      }
    }
    expect((await flow.askDirectly("alice", post(`${thread}/runs/${hers.runId}/cancel`))).status).toBe(202);
    await hers.live.ended;
    const cut = await flow.askDirectly("alice", get(`${thread}/state`));
    expect((await flow.ask("bob", newRun(`${thread}/runs/wait`))).status).toBe(404);
    expect(await flow.askDirectly("alice", get(`${thread}/state`))).toEqual(cut);
  });

  it("is not reached by way of a thread or a run of one's own", async () => {
    const [hers, his] = [await inMidText(flow, "alice", "hers"), await inMidText(flow, "bob", "his")];
    for (const { threadId, runId } of [
      { threadId: his.threadId, runId: hers.runId },
      { threadId: hers.threadId, runId: his.runId },
    ]) {
      const byRun = attempts(threadId, runId).filter(
        ({ read }) => read.path.endsWith(runId) && read.path.includes(threadId),
      );
      for (const who of ["alice", "bob"] as Who[]) {
        for (const { name, asked } of byRun) {
          const bare = await flow.askDirectly(who, get(`/threads/${threadId}/runs/${runId}`));
          expect({ name, ...(await flow.ask(who, asked)) }).toEqual({ name, ...bare, status: 404 });
        }
      }
    }
    await goesOnUnnoticing(flow, "alice", hers);
    await goesOnUnnoticing(flow, "bob", his);
  });
});

it("whoever calls itself Studio is asked who it is, as everybody: the server itself would ask nothing", async () => {
  const search: Asked = { ...post("/assistants/search", {}), headers: { "x-auth-scheme": "langsmith" } };
  expect((await flow.askDirectly(undefined, search)).status).toBe(200);
  const nobodys = await flow.ask(undefined, post("/assistants/search", {}));
  expect(await flow.ask(undefined, search)).toEqual(nobodys);
  expect(nobodys.status).toBe(401);
  expect((await flow.ask("alice", search)).status).toBe(200);
});

describe.concurrent("a stop of one's own (case 28)", () => {
  it("is not shared with a stranger who asks just before, beside and after it", async () => {
    const { threadId, runId, live, call } = await inMidText(flow, "alice", "stop this");
    const strangers = () =>
      attempts(threadId, runId).flatMap(({ asked }) => [flow.ask("bob", asked), flow.ask(undefined, asked)]);
    const before = strangers();
    const stopping = flow.ask("alice", post(`/threads/${threadId}/stop`));
    const beside = strangers();
    const stopped = await stopping;
    const refused = await Promise.all([...before, ...beside]);
    expect(JSON.parse(stopped.body)).toMatchObject({
      outcome: "stopped",
      run_ids: [runId],
      kept: [{ content: shown }],
    });
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([404, 401]));
    expect(JSON.stringify(refused)).not.toMatch(/secret|stop this/);
    await live.ended;
    expect((await call.closed.opened).early).toBe(true);
    expect(JSON.stringify(live.parts.at(-1))).toContain(shown);
    await isRefused("bob", threadId, runId, 404);
    await isRefused(undefined, threadId, runId, 401);
    expect(await flow.ask("alice", post(`/threads/${threadId}/stop`))).toEqual(stopped);
    expect(outline(await conversation(flow.as("alice"), threadId))).toEqual(["human: stop this", `ai: ${shown}`]);
  });

  it("that gave the input back gives it to no stranger", async () => {
    const { threadId, runId, live } = await inMidText(flow, "alice", "undo this");
    const undo = post(`/threads/${threadId}/stop`, { action: "rollback", keep: "nothing" });
    const undone = await flow.ask("alice", undo);
    expect(undone.body).toContain("undo this");
    await live.ended;
    const thread = get(`/threads/${threadId}`);
    for (const { asked } of attempts(threadId, runId).slice(0, 3)) {
      expect(await flow.ask("bob", asked)).toEqual(await flow.askDirectly("bob", thread));
      expect(await flow.ask(undefined, asked)).toEqual(await flow.askDirectly(undefined, thread));
    }
    for (const { asked } of attempts(threadId, runId).slice(3)) {
      expect((await flow.ask("bob", asked)).status).toBe(404);
      expect((await flow.ask(undefined, asked)).status).toBe(401);
    }
    expect(await flow.ask("alice", undo)).toEqual(undone);
    flow.model.script("and on", { text: ["Gladly."] });
    await send(flow.as("alice"), threadId, "and on", { graph: "react" }).ended;
    expect(outline(await conversation(flow.as("alice"), threadId))).toEqual(["human: and on", "ai: Gladly."]);
  });
});

describe.concurrent("whoever may read but not change", () => {
  it.each(["alice-readonly", "alice-guest"] as const)(
    "%s is refused as the server refuses, and the run goes on",
    async (who) => {
      const hers = await inMidText(flow, "alice", `look, ${who}`);
      const cancel = post(`/threads/${hers.threadId}/runs/${hers.runId}/cancel`);
      const refused = await flow.askDirectly(who, cancel);
      expect(refused.status).toBe(who === "alice-guest" ? 404 : 403);
      for (const asked of [
        cancel,
        post(`/threads/${hers.threadId}/stop`),
        post(`/threads/${hers.threadId}/stop`, { action: "rollback", run_id: hers.runId }),
      ]) {
        expect(await flow.ask(who, asked)).toEqual(refused);
      }
      const run = newRun(`/threads/${hers.threadId}/runs/wait`, "interrupt");
      expect(await flow.ask(who, run)).toEqual(await flow.askDirectly(who, run));
      await goesOnUnnoticing(flow, "alice", hers);
    },
  );

  it("doesn't spoil the stop of one who may", async () => {
    const { threadId, runId, live } = await inMidText(flow, "alice", "stop this, reader");
    const path = `/threads/${threadId}/stop`;
    const [, stopped] = await Promise.all([flow.ask("alice-readonly", post(path)), flow.ask("alice", post(path))]);
    expect(JSON.parse(stopped.body)).toMatchObject({
      outcome: "stopped",
      run_ids: [runId],
      kept: [{ content: shown }],
    });
    await live.ended;
    expect(outline(await conversation(flow.as("alice"), threadId))[1]).toBe(`ai: ${shown}`);
  });

  it("mends no thread that was cut, by a run that is refused", async () => {
    const { threadId, runId, live } = await inMidText(flow, "alice", "cut this, reader");
    await flow.askDirectly("alice", post(`/threads/${threadId}/runs/${runId}/cancel`));
    await live.ended;
    const cut = await flow.askDirectly("alice", get(`/threads/${threadId}/state`));
    expect((await flow.ask("alice-readonly", newRun(`/threads/${threadId}/runs/wait`))).status).toBe(403);
    expect(await flow.askDirectly("alice", get(`/threads/${threadId}/state`))).toEqual(cut);
    flow.model.script("go on", { text: ["Gladly."] });
    await send(flow.as("alice"), threadId, "go on", { graph: "react" }).ended;
    expect(outline(await conversation(flow.as("alice"), threadId))).toEqual([
      "human: cut this, reader",
      `ai: ${shown}`,
      "human: go on",
      "ai: Gladly.",
    ]);
  });
});

describe.concurrent("whoever may change but not delete", () => {
  it.each([
    { keep: "partial", left: [`ai: ${shown}`], message: /^The run was stopped and its turn written back .* 403/ },
    { keep: "nothing", left: [], message: /^The run was stopped, but .* 403/ },
  ])("is told that a rollback that keeps $keep went half the way, and can go on", async ({ keep, left, message }) => {
    const prompt = `undo, keep ${keep}`;
    const { threadId, live } = await inMidText(flow, "alice-nodelete", prompt);
    const answer = await flow.ask("alice-nodelete", post(`/threads/${threadId}/stop`, { action: "rollback", keep }));
    expect(answer.status).toBe(403);
    const kept = left.map(() => ({ type: "ai", content: shown }));
    expect(JSON.parse(answer.body)).toMatchObject({ error: "rollback_refused", outcome: "stopped", kept });
    expect(JSON.parse(answer.body).message).toMatch(message);
    await live.ended;
    expect(live.parts.at(-1)).toMatchObject({ event: "values", data: { messages: [{ content: prompt }, ...kept] } });
    expect(outline(await conversation(flow.as("alice"), threadId))).toEqual([`human: ${prompt}`, ...left]);
    const again = await flow.ask("alice-nodelete", post(`/threads/${threadId}/stop`));
    expect(JSON.parse(again.body)).toMatchObject({ outcome: "stopped", kept });
    flow.model.script(`after ${prompt}`, { text: ["Gladly."] });
    await send(flow.as("alice-nodelete"), threadId, `after ${prompt}`, { graph: "react" }).ended;
    expect(outline(await conversation(flow.as("alice"), threadId)).at(-1)).toBe("ai: Gladly.");
  });

  it.each([
    ["alice-nodelete", 403],
    ["alice-undeleting", 404],
  ] as const)("%s by cancel likewise, and a new message with `rollback` still has its turn", async (who, status) => {
    const cancelled = await inMidText(flow, who, `cancel to undo, ${who}`);
    const path = `/threads/${cancelled.threadId}/runs/${cancelled.runId}/cancel?action=rollback`;
    const answer = await flow.ask(who, post(path));
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body)).toMatchObject({ error: "rollback_refused", kept: [{ content: shown }] });
    expect(JSON.parse(answer.body).message).toContain(`with ${status}`);
    await cancelled.live.ended;
    const { threadId, live } = await inMidText(flow, who, `replace this, ${who}`);
    flow.model.script(`by this, ${who}`, { text: ["Gladly."] });
    const asked = { graph: "react", multitaskStrategy: "rollback" } as const;
    await send(flow.as(who), threadId, `by this, ${who}`, asked).ended;
    await live.ended;
    expect(outline(await conversation(flow.as("alice"), threadId))).toEqual([
      `human: replace this, ${who}`,
      `ai: ${shown}`,
      `human: by this, ${who}`,
      "ai: Gladly.",
    ]);
  });

  it("keeps what waits in the queue, too", async () => {
    const { threadId, runId, live } = await inMidText(flow, "alice-nodelete", "undo all");
    const asked = { graph: "react", multitaskStrategy: "enqueue" } as const;
    const queued = send(flow.as("alice-nodelete"), threadId, "and what waits", asked);
    const runIds = [runId, await queued.runId];
    const answer = await flow.ask("alice-nodelete", post(`/threads/${threadId}/stop`, { action: "rollback" }));
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body)).toMatchObject({
      error: "rollback_refused",
      run_ids: runIds,
      kept: [{ content: shown }],
    });
    await Promise.all([live.ended, queued.ended]);
    expect(outline(await conversation(flow.as("alice"), threadId))).toEqual([
      "human: undo all",
      `ai: ${shown}`,
      "human: and what waits",
    ]);
  });
});
