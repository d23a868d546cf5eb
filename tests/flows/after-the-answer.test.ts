import { describe, expect, it } from "vitest";
import { isTool } from "../../proxy/core/message.ts";
import { begin, goesOn, lookAt } from "../helpers/cell.ts";
import { stop, useFlow } from "../helpers/flow.ts";
import { shapeOf } from "../helpers/shapes.ts";

const flow = useFlow();

describe.concurrent("after the answer to a Stop", () => {
  it.each([
    ["a node that runs its tools in turn (case 10)", "sequential_tools"],
    ["a node that runs them at once (case 10)", "react"],
    ["a task per call (case 10)", "create_agent"],
    ["a subgraph (cases 10, 11)", "nested"],
  ])("nothing more starts, whatever was waited for: %s", async (_, graph) => {
    const ids = [`${graph}-first`, `${graph}-second`];
    const probes = ids.map((id) => flow.model.probe(id));
    const calls = ids.map((id) => ({ id, name: "probe", args: [JSON.stringify({ name: id })] }));
    const shape = shapeOf(graph);
    const turn = await begin(flow, shape, `after, ${graph}`, { agent: [{ text: ["Wait. "], calls }, {}] });
    await probes[0]?.started.opened;
    if (graph !== "sequential_tools") await probes[1]?.started.opened;

    const how = { action: "interrupt", keep: "partial" } as const;
    const { body } = await stop(flow.proxy.url, turn.threadId, how);
    const left = await lookAt(flow, turn, how, body);
    for (const probe of probes) probe.answer("too late");
    await goesOn(flow, shape, turn.threadId, `then, ${graph}`);

    expect(left.filter(isTool).map(({ tool_call_id }) => tool_call_id)).toEqual(ids);
    expect(JSON.stringify(await flow.direct.threads.getState(turn.threadId))).not.toContain("too late");
    expect(probes[1]?.startedAt === undefined).toBe(graph === "sequential_tools");
    expect(turn.scripts.get("agent")?.calls).toHaveLength(1);
    expect(turn.scripts.get("writer")?.calls ?? []).toEqual([]);
  });
});
