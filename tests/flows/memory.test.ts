import type { Checkpoint } from "@langchain/langgraph-sdk";
import { describe, expect, inject, it } from "vitest";
import { type Message, messagesIn } from "../../proxy/core/message.ts";
import { actions, begin, cut, goesOn, type How, spoken } from "../helpers/cell.ts";
import { outline, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";
import { type Shape, shapeOf } from "../helpers/shapes.ts";

const flow = useFlow();

/** Where the graph has its memory, and how its conversation begins. */
const places: Record<string, string> = { memory: "specialist", private_memory: "consult" };
const both = Object.keys(places);

/** The JS server takes no write into the memory of a graph that a function has called. */
const isWritable = (graph: string) => graph === "memory" || inject("server") === "python";

/** What stands in the memory of a graph within. */
async function remembered({ graph }: Shape, threadId: string): Promise<Message[]> {
  const checkpoint = { checkpoint_ns: places[graph] } as Checkpoint;
  return messagesIn((await flow.direct.threads.getState(threadId, checkpoint)).values, "messages");
}

/** Two calls, of which the first has come to its end and the second to none. */
function calling(prompt: string) {
  const [done, hanging] = ["done", "hanging"].map((what) => `${what}, ${prompt}`.replaceAll(/[^\w-]+/g, "-"));
  flow.model.probe(done as string, `result of ${done}`);
  const probe = flow.model.probe(hanging as string);
  const calls = [done, hanging].map((id) => ({
    id: id as string,
    name: "probe",
    args: [JSON.stringify({ name: id })],
  }));
  return { probe, reply: { text: ["I ask."], calls } satisfies Reply };
}

/** A turn that is in the tools of the graph within. */
async function inItsTools(shape: Shape, prompt: string) {
  const { probe, reply } = calling(prompt);
  const turn = await begin(flow, shape, prompt, { agent: [reply] });
  await probe.started.opened;
  const before = await remembered(shape, turn.threadId);
  return { turn, before };
}

describe.concurrent.each(both)("a graph within that remembers, %s", (graph) => {
  const shape = shapeOf(graph);

  it.each<How>(actions)("stopped in its tools, takes the next messages: $action, keep $keep", async (how) => {
    const { turn } = await inItsTools(shape, `${graph}, in tools, ${how.action} ${how.keep}`);
    const { body } = await cut(flow, turn, how);
    if (how.action === "interrupt" && how.keep === "partial")
      expect(body.tool_calls.map(({ fate }) => fate)).toContain("cut");
    await goesOn(flow, shape, turn.threadId, `and then, ${turn.prompt}`);
  });

  it("stopped in its text, has that once, here and there", async () => {
    const prompt = `${graph}, in text`;
    const turn = await begin(flow, shape, prompt, { agent: [{ text: ["Half ", "of ", "it"], holdAfter: 2 }] });
    await (await turn.scripts.get("agent")?.call(0))?.held.opened;
    const { body, left } = await cut(flow, turn, { action: "interrupt", keep: "partial" });
    expect(body.kept.map(({ content }) => content)).toEqual(["Half of"]);
    expect(spoken(left)).toEqual(["Half of"]);
    const there = (await remembered(shape, turn.threadId)).filter(({ content }) => content === "Half of");
    expect(there.map(({ response_metadata }) => response_metadata?.stopped)).toEqual(
      isWritable(graph) ? [expect.objectContaining({ run_id: body.run_ids[0], reason: "user" })] : [],
    );
  });

  it("remembers nothing of a turn that is undone", async () => {
    const { turn, before } = await inItsTools(shape, `${graph}, undone`);
    const earlier = before.findIndex(({ content }) => content === turn.prompt);
    expect(earlier).toBeGreaterThan(0);
    await stop(flow.proxy.url, turn.threadId, { action: "rollback", keep: "nothing" });
    await turn.live.ended;
    const after = await remembered(shape, turn.threadId);
    expect(after.length).toBeGreaterThan(0);
    expect(after.length).toBeLessThanOrEqual(earlier);
    expect(outline(after)).toEqual(outline(before.slice(0, after.length)));
  });

  it("cut in its tools behind the proxy's back, is mended before the next message", async () => {
    const { turn } = await inItsTools(shape, `${graph}, behind`);
    await flow.direct.runs.cancel(turn.threadId, await turn.live.runId, true);
    await turn.live.ended;
    await goesOn(flow, shape, turn.threadId, `then, ${turn.prompt}`);
  });
});

describe.concurrent("an agent that remembers, in a tool", () => {
  const shape = shapeOf("memory_in_tool");
  const asks = (name: string): Reply => ({
    calls: [{ id: `ask ${name}`.replaceAll(/[^\w-]+/g, "-"), name: "ask", args: [JSON.stringify({ name })] }],
  });

  it.each(["now", "behind the proxy's back"])("cut in its own tools %s, can be asked again", async (how) => {
    const prompt = `memory in tool, ${how}`;
    const { probe, reply } = calling(prompt);
    flow.model.script(`expert: first, ${prompt}`, reply);
    const turn = await begin(flow, shape, prompt, {
      agent: [{ ...asks(`first, ${prompt}`), text: ["I ask an expert."] }],
    });
    await probe.started.opened;
    if (how === "now") {
      const { body, left } = await cut(flow, turn, { action: "interrupt", keep: "partial" });
      expect(body.tool_calls.map(({ name, fate }) => [name, fate])).toEqual([["ask", "cut"]]);
      expect(spoken(left)).toEqual(["I ask an expert."]);
    } else {
      await flow.direct.runs.cancel(turn.threadId, await turn.live.runId, true);
      await turn.live.ended;
    }
    const again = `again, ${prompt}`;
    flow.model.script(`expert: second, ${prompt}`, { text: ["I know."] });
    flow.model.script(`agent: ${again}`, asks(`second, ${prompt}`), { text: ["So it is."] });
    await goesOn(flow, shape, turn.threadId, again);
  });
});
