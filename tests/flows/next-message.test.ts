import type { Checkpoint } from "@langchain/langgraph-sdk";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { type Asked, conversation, outline, sdk, send, stop, useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";

const flow = useFlow();
const graph = "react";
let other: Listening;

beforeAll(async () => {
  other = await startProxy(inject("langgraphUrl"));
});
afterAll(() => other.close());

async function wholeTurn(threadId: string, text: string) {
  flow.model.script(text, { text: ["Gladly."] });
  await send(flow.client, threadId, text, { graph }).ended;
}

/** A thread with one turn, and a second in mid-text; the checkpoint is that between them. */
async function inSecondTurn(text: string, asked: Asked = {}) {
  const { thread_id: threadId } = await flow.client.threads.create();
  await wholeTurn(threadId, `before ${text}`);
  const { checkpoint } = await flow.direct.threads.getState(threadId);
  const script = flow.model.script(text, { text: ["Once ", "upon ", "a ", "time."], holdAfter: 2 });
  const live = send(flow.client, threadId, text, { graph, ...asked });
  const call = await script.call(0);
  await call.held.opened;
  await live.showed("upon ");
  return { threadId, live, call, before: checkpoint, runId: await live.runId };
}

/** The same turn after it has ended by itself, which its reader didn't wait for. */
async function leftAndEnded(text: string, meanwhile = async (_threadId: string): Promise<unknown> => undefined) {
  const { threadId, live, call, ...turn } = await inSecondTurn(text, { onDisconnect: "continue" });
  live.hangUp();
  await live.ended;
  await meanwhile(threadId);
  call.release();
  await flow.direct.runs.join(threadId, turn.runId);
  return { threadId, ...turn };
}

/** The next message, as it is on the wire. */
async function post(base: string, threadId: string, text: string, fields: object, messages: object[] = []) {
  flow.model.script(text, { text: ["And so on."] });
  const answer = await fetch(`${base}/threads/${threadId}/runs/wait`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      assistant_id: graph,
      input: { messages: [...messages, { role: "user", content: text }] },
      ...fields,
    }),
  });
  expect(answer.status).toBe(200);
  await answer.text();
  return outline(await conversation(flow.direct, threadId));
}

const turns = (text: string, next: string, reply = "Once upon") => [
  `human: before ${text}`,
  "ai: Gladly.",
  `human: ${text}`,
  `ai: ${reply}`,
  `human: ${next}`,
  "ai: And so on.",
];

/** Where a message that was stopped is edited: the checkpoint of its run's input, as the history shows it. */
const inputOf = async (threadId: string, runId: string): Promise<Checkpoint> => {
  const history = await flow.direct.threads.getHistory(threadId, { limit: 20 });
  const found = history.find(({ metadata }) => metadata?.source === "input" && metadata.run_id === runId);
  return found?.checkpoint as Checkpoint;
};

describe.concurrent("the next message names a checkpoint from before the stop, and nobody has read the thread", () => {
  const places: [string, (checkpoint: Checkpoint) => object][] = [
    ["checkpoint", ({ thread_id: _, ...checkpoint }) => ({ checkpoint })],
    ["checkpoint_id", ({ checkpoint_id }) => ({ checkpoint_id })],
    ["configurable", ({ checkpoint_id }) => ({ config: { configurable: { checkpoint_id } } })],
  ];

  it.each(places)("in `%s`: it follows on what was kept", async (place, at) => {
    const { threadId, live, before } = await inSecondTurn(`stale ${place}`);
    await stop(flow.proxy.url, threadId);
    await live.ended;
    const next = `next ${place}`;
    expect(await post(flow.proxy.url, threadId, next, at(before))).toEqual(turns(`stale ${place}`, next));
    // And a message that names none goes on from there, though the JS server remembers what was named.
    expect((await post(flow.proxy.url, threadId, `${next}, then`, {})).slice(0, 6)).toEqual(
      turns(`stale ${place}`, next),
    );
  });

  it("also one of the stopped run's own, and one that a rollback has deleted", async () => {
    for (const action of ["interrupt", "rollback"]) {
      const text = `own ${action}`;
      const { threadId, live } = await inSecondTurn(text);
      const { checkpoint } = await flow.direct.threads.getState(threadId);
      await stop(flow.proxy.url, threadId, { action });
      await live.ended;
      const { checkpoint_id } = checkpoint;
      expect(await post(flow.proxy.url, threadId, `next ${action}`, { checkpoint_id })).toEqual(
        turns(text, `next ${action}`),
      );
    }
  });

  it("also if somebody has tried to read it, and was not let", async () => {
    const { threadId, live, before } = await inSecondTurn("tried");
    await stop(flow.proxy.url, threadId);
    await live.ended;
    const tried = await fetch(`${flow.proxy.url}/threads/${threadId}/history`, { method: "POST", body: "no JSON" });
    expect(tried.ok).toBe(false);
    const { checkpoint_id } = before;
    expect(await post(flow.proxy.url, threadId, "next tried", { checkpoint_id })).toEqual(turns("tried", "next tried"));
  });

  it("through another replica, and where the run was cut past the proxy and nobody has mended it", async () => {
    const elsewhere = await inSecondTurn("elsewhere");
    await stop(flow.proxy.url, elsewhere.threadId);
    await elsewhere.live.ended;
    const { checkpoint_id } = elsewhere.before;
    expect(await post(other.url, elsewhere.threadId, "next elsewhere", { checkpoint_id })).toEqual(
      turns("elsewhere", "next elsewhere"),
    );
    const past = await inSecondTurn("past the proxy");
    await flow.direct.runs.cancel(past.threadId, past.runId, true);
    await past.live.ended;
    expect(await post(other.url, past.threadId, "next past", { checkpoint_id: past.before.checkpoint_id })).toEqual(
      turns("past the proxy", "next past"),
    );
  });
});

describe.concurrent("the next message names a checkpoint from before a turn that has ended by itself", () => {
  const wholeReply = "Once upon a time.";
  const readsState = (threadId: string) => flow.client.threads.getState(threadId);

  it("though its reader had hung up: it follows on the turn, and so does the one after it", async () => {
    const { threadId, before } = await leftAndEnded("left");
    const { checkpoint_id } = before;
    expect(await post(flow.proxy.url, threadId, "next left", { checkpoint_id })).toEqual(
      turns("left", "next left", wholeReply),
    );
    expect(await post(flow.proxy.url, threadId, "then left", { checkpoint_id })).toEqual([
      ...turns("left", "next left", wholeReply),
      "human: then left",
      "ai: And so on.",
    ]);
  });

  it("also where it was read while it went on: that told nothing of its end", async () => {
    const { threadId, before } = await leftAndEnded("looked at", readsState);
    const { checkpoint_id } = before;
    expect(await post(flow.proxy.url, threadId, "next looked at", { checkpoint_id })).toEqual(
      turns("looked at", "next looked at", wholeReply),
    );
  });

  it.each(["cancel", "stop of the run", "stop of the thread"])("and a %s came too late", async (way) => {
    const { threadId, live, call, before, runId } = await inSecondTurn(way);
    call.release();
    await live.ended;
    if (way === "cancel") await flow.client.runs.cancel(threadId, runId).catch(() => "what ended can't be cancelled");
    else await stop(flow.proxy.url, threadId, way.endsWith("run") ? { run_id: runId } : undefined);
    const { checkpoint_id } = before;
    expect(await post(flow.proxy.url, threadId, `next ${way}`, { checkpoint_id })).toEqual(
      turns(way, `next ${way}`, wholeReply),
    );
  });

  it("and the thread was read since: it forks, as it is meant", async () => {
    const { threadId, before } = await leftAndEnded("left, edited");
    await readsState(threadId);
    const { checkpoint_id } = before;
    expect(await post(flow.proxy.url, threadId, "edited, left", { checkpoint_id })).toEqual([
      "human: before left, edited",
      "ai: Gladly.",
      "human: edited, left",
      "ai: And so on.",
    ]);
  });

  it("which all its readers have seen: it forks", async () => {
    const { threadId, live, call, before } = await inSecondTurn("heard out");
    call.release();
    await live.ended;
    const { checkpoint_id } = before;
    expect(await post(flow.proxy.url, threadId, "edited, heard out", { checkpoint_id })).toHaveLength(4);
  });
});

describe.concurrent("the stopped message is edited", () => {
  it.each(["this replica", "another one"])("after a read, through %s: it forks, as it is meant", async (which) => {
    const text = `edit me through ${which}`;
    const { threadId, live, before, runId } = await inSecondTurn(text);
    await stop(flow.proxy.url, threadId);
    await live.ended;
    await flow.client.threads.getHistory(threadId);
    const isThis = which === "this replica";
    const { checkpoint_id } = isThis ? before : await inputOf(threadId, runId);
    const edited = await post(isThis ? flow.proxy.url : other.url, threadId, `edited, ${which}`, { checkpoint_id });
    expect(edited).toEqual([`human: before ${text}`, "ai: Gladly.", `human: edited, ${which}`, "ai: And so on."]);
  });

  it("by whoever has read it through another replica than the one that stopped it", async () => {
    const { threadId, live, runId } = await inSecondTurn("read elsewhere");
    await stop(flow.proxy.url, threadId);
    await live.ended;
    await sdk(other.url).threads.getHistory(threadId);
    const { checkpoint_id } = await inputOf(threadId, runId);
    expect((await post(flow.proxy.url, threadId, "edited, read elsewhere", { checkpoint_id })).slice(2)).toEqual([
      "human: edited, read elsewhere",
      "ai: And so on.",
    ]);
  });
});

describe.concurrent("the next message answers tool calls (case 13)", () => {
  it.each(["runs/wait", "v2"])(
    "that are closed: the answers are left out, all else arrives as it was: %s",
    async (way) => {
      const id = `invented_${way.replace("/", "_")}`;
      const { thread_id: threadId } = await flow.client.threads.create();
      flow.model.script(id, { calls: [{ id, name: "probe", args: [JSON.stringify({ name: id })] }] });
      const live = send(flow.client, threadId, id, { graph });
      await flow.model.probe(id).started.opened;
      await stop(flow.proxy.url, threadId);
      await live.ended;
      const script = flow.model.script(`after ${id}`, { text: ["And so on."] });
      const messages = `[{"role":"tool","tool_call_id":"${id}","content":"Successfully handled tool call."},{"type":"human","content":"after ${id}","additional_kwargs":{"n":12345678901234567890}}]`;
      const params = `{"assistant_id":"${graph}","input":{"messages":${messages}}}`;
      const isV2 = way === "v2";
      const answer = await fetch(`${flow.proxy.url}/threads/${threadId}/${isV2 ? "commands" : way}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: isV2 ? `{"id":1,"method":"run.start","params":${params}}` : params,
      });
      await answer.text();
      const [run] = (await flow.direct.runs.list(threadId)).sort((a, b) => b.created_at.localeCompare(a.created_at));
      await flow.client.runs.join(threadId, run?.run_id ?? "");
      const lines = outline(await conversation(flow.client, threadId));
      expect(lines.filter((line) => line.startsWith("tool"))).toHaveLength(1);
      expect(lines.join()).not.toContain("Successfully handled");
      expect(script.calls).toHaveLength(1);
    },
  );

  it("that the server's own tool is answering: the queued run finds the tool's answer alone", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const call = { id: "in_flight", name: "probe", args: ['{"name":"in_flight"}'] };
    flow.model.script("use the tool", { calls: [call] }, { text: ["Done."] });
    const live = send(flow.client, threadId, "use the tool", { graph });
    await flow.model.probe("in_flight").started.opened;
    flow.model.script("go on, then", { text: ["And so on."] });
    const invented = { role: "tool", tool_call_id: "in_flight", content: "Successfully handled tool call." };
    const next = send(flow.client, threadId, "go on, then", {
      graph,
      multitaskStrategy: "enqueue",
      input: { messages: [invented, { role: "user", content: "go on, then" }] },
    });
    await next.runId;
    flow.model.probe("in_flight").answer("from the tool");
    await Promise.all([live.ended, next.ended]);
    expect(outline(await conversation(flow.client, threadId))).toEqual([
      "human: use the tool",
      expect.stringMatching(/^ai: /),
      "tool: [in_flight] from the tool",
      "ai: Done.",
      "human: go on, then",
      "ai: And so on.",
    ]);
  });

  it("that are open: the answer goes through, and is the only one", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    flow.model.script("ask the page", { calls: [{ id: "client_side", name: "probe", args: ['{"name":"client"}'] }] });
    const input = { messages: [{ role: "user", content: "ask the page" }] };
    await flow.client.runs.wait(threadId, graph, { input, interruptBefore: ["tools"] });
    const tool = { role: "tool", tool_call_id: "client_side", content: "from the page" };
    expect(await post(flow.proxy.url, threadId, "there it is", {}, [tool])).toEqual([
      "human: ask the page",
      expect.stringMatching(/^ai: /),
      "tool: [client_side] from the page",
      "human: there it is",
      "ai: And so on.",
    ]);
  });
});
