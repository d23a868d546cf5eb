import { expect } from "vitest";
import { gatherCut, type Stop } from "../../proxy/core/cut.ts";
import { type Message, messagesIn } from "../../proxy/core/message.ts";
import { providerViolations } from "../helpers/rules.ts";
import { fold, type Recording, recording } from "./recording.ts";
import { carryOut, type Graph, type Planned, ThreadSimulator } from "./thread-simulator.ts";

export const graphs = {
  react: { entry: ["agent"], edges: { agent: "calls", tools: ["agent"] } },
  /** `createAgent` in JS; its model's node is called `model` in Python. */
  agentJs: { entry: ["model_request"], edges: { model_request: "calls", tools: ["model_request"] } },
  agentPython: { entry: ["model"], edges: { model: "calls", tools: ["model"] } },
  nested: { entry: ["researcher"], edges: { researcher: ["writer"], writer: [] } },
  ownState: { entry: ["ask"], edges: { ask: ["notebook"], notebook: ["writer"], writer: [] } },
  twoModels: { entry: ["left", "right"], edges: { left: [], right: [] } },
  pipeline: { entry: ["draft"], edges: { draft: ["review"], review: ["publish"], publish: [] } },
  branches: {
    entry: ["fast", "slow"],
    edges: { fast: ["afterfast"], slow: ["afterslow"], afterfast: [], afterslow: [] },
  },
  approval: { entry: ["agent"], edges: { agent: ["approve"], approve: ["tools"], tools: [] } },
} satisfies Record<string, Graph>;

export const asked: Stop = {
  runId: "id-1",
  action: "interrupt",
  keep: "partial",
  reason: "user",
  at: "2026-01-01T00:00:00.000Z",
  preferredKey: "messages",
};

/** Stops a run that was cut so; a recorded one by its name. */
export function stop(
  graph: Graph,
  cutRun: string | Recording,
  wish: Partial<Stop> = {},
): Planned & { thread: ThreadSimulator } {
  const { run, state, parts } = typeof cutRun === "string" ? recording(cutRun) : cutRun;
  const thread = new ThreadSimulator(graph, state);
  const cut = gatherCut({ ...asked, runId: run.run_id, ...wish }, run, thread.read(), fold(parts));
  return { ...carryOut(thread, cut), thread };
}

export const spoken = ({ state }: Planned, key = "messages"): Message[] => messagesIn(state.values, key);

/** Nothing is pending, and providers take the conversation. */
export function expectSound(planned: Planned, key?: string): void {
  expect(planned.state.next).toEqual([]);
  expect(providerViolations(spoken(planned, key))).toEqual([]);
}
