import { describe, expect, it } from "vitest";
import { isTool } from "../../proxy/core/message.ts";
import { begin, cut } from "../helpers/cell.ts";
import { useFlow } from "../helpers/flow.ts";
import { shapeOf } from "../helpers/shapes.ts";

const flow = useFlow();

describe.concurrent("after the answer to a Stop", () => {
  it.each([
    ["a node that runs its tools in turn (cases 10, 13)", "sequential_tools"],
    ["a node that runs them at once (cases 10, 13)", "react"],
    ["a task per call (cases 10, 13)", "create_agent"],
    ["a subgraph (cases 10, 11, 13)", "nested"],
  ])("nothing more starts, and a result that comes late changes nothing: %s", async (_, graph) => {
    const ids = [`${graph}-first`, `${graph}-second`];
    const probes = ids.map((id) => flow.model.probe(id));
    const calls = ids.map((id) => ({ id, name: "probe", args: [JSON.stringify({ name: id })] }));
    const turn = await begin(flow, shapeOf(graph), `after, ${graph}`, { agent: [{ text: ["Wait. "], calls }, {}] });
    await probes[0]?.started.opened;
    if (graph !== "sequential_tools") await probes[1]?.started.opened;

    const stopping = cut(flow, turn, { action: "interrupt", keep: "partial" });
    await probes[0]?.hungUp.opened;
    for (const probe of probes) probe.answer("too late");
    const { left } = await stopping;

    expect(left.filter(isTool).map(({ tool_call_id }) => tool_call_id)).toEqual(ids);
    expect(JSON.stringify(await flow.direct.threads.getState(turn.threadId))).not.toContain("too late");
    expect(probes[1]?.startedAt === undefined).toBe(graph === "sequential_tools");
    expect(turn.scripts.get("agent")?.calls).toHaveLength(1);
    expect(turn.scripts.get("writer")?.calls ?? []).toEqual([]);
  });
});
