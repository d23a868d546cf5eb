import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, type Live, outline, sdk, send, stop, useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";

const flow = useFlow();

let proxy: Listening;

beforeAll(async () => {
  proxy = await startProxy(inject("langgraphUrl"), { TOOL_EVENTS: "on" });
});

afterAll(() => proxy.close());

const probe = (id: string) => ({ id, name: "probe", args: ['{"name":', `"${id}"}`] });

const cut = "This tool call was cut off before it returned. It may have had effects; its result is not known.";
const never = "This tool call never started. It had no effects.";

/** A run whose first call has come to its end, while the second waits. */
async function inTools(graph: string, prompt: string, ids: string[]): Promise<Live & { hungUp: Promise<void> }> {
  const client = sdk(proxy.url);
  const { thread_id: threadId } = await client.threads.create();
  flow.model.script(prompt, { text: ["Let me see."], calls: ids.map(probe) });
  const [first = "", second = ""] = ids;
  const running = flow.model.probe(second);
  flow.model.probe(first, `result of ${first}`);
  const live = send(client, threadId, prompt, { graph, streamSubgraphs: graph === "nested" });
  await running.started.opened;
  await hasEnded(threadId, await live.runId, first);
  return { ...live, hungUp: running.hungUp.opened };
}

/** Resolves when the stream has told of the call's end. */
async function hasEnded(threadId: string, runId: string, id: string): Promise<void> {
  const leave = new AbortController();
  const join = { lastEventId: "-1", signal: leave.signal };
  for await (const { event, data } of flow.direct.runs.joinStream(threadId, runId, join)) {
    const told = JSON.stringify(data);
    if (/^(events|tools)/.test(event) && told.includes("on_tool_end") && told.includes(`result of ${id}`)) break;
  }
  leave.abort();
}

const fatesOf = (body: { tool_calls: { fate: string }[] }) => body.tool_calls.map(({ fate }) => fate);

describe.concurrent("with TOOL_EVENTS=on a stop knows of each call (cases 14, 27)", () => {
  it("run in turn: finished, cut, never started", async () => {
    const live = await inTools("sequential_tools", "events in turn", ["turn_1", "turn_2", "turn_3"]);
    const { body } = await stop(proxy.url, live.threadId);
    expect(fatesOf(body)).toEqual(["finished", "cut", "never-started"]);
    expect(outline(await conversation(flow.direct, live.threadId))).toEqual([
      "human: events in turn",
      "ai: Let me see.",
      "tool: [turn_1] result of turn_1",
      `tool: [turn_2] ${cut}`,
      `tool: [turn_3] ${never}`,
    ]);
    await Promise.all([live.ended, live.hungUp]);
    expect(flow.model.probe("turn_3").startedAt).toBeUndefined();
  });

  it.each(["react", "create_agent", "subagent", "nested"])("all at once, in %s", async (graph) => {
    const ids = [`${graph}_done`, `${graph}_open`];
    const live = await inTools(graph, `events in ${graph}`, ids);
    const { body } = await stop(proxy.url, live.threadId);
    expect(fatesOf(body)).toEqual(["finished", "cut"]);
    expect(outline(await conversation(flow.direct, live.threadId)).slice(2)).toEqual([
      `tool: [${ids[0]}] result of ${ids[0]}`,
      `tool: [${ids[1]}] ${cut}`,
    ]);
    await Promise.all([live.ended, live.hungUp]);
  });

  it("the client is shown no event of it, joining neither", async () => {
    const live = await inTools("react", "events unseen", ["unseen_1", "unseen_2"]);
    const joined: string[] = [];
    const join = sdk(proxy.url).runs.joinStream(live.threadId, await live.runId, { lastEventId: "-1" });
    const reading = (async () => {
      for await (const { event } of join) joined.push(event);
    })();
    await stop(proxy.url, live.threadId);
    await Promise.all([live.ended, reading, live.hungUp]);
    for (const events of [live.parts.map(({ event }) => event), joined]) {
      expect(events).toContain("values");
      expect(events.filter((event) => /^(events|tools)/.test(event))).toEqual([]);
    }
  });
});
