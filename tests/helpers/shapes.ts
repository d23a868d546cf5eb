import { itemsIn, type Message } from "../../proxy/core/message.ts";

/** A graph, and who speaks in it. */
export interface Shape {
  graph: string;
  /** Who speaks in each step of a turn. */
  steps: string[][];
  /** Who of them has tools. */
  tools?: string;
  /** What these say is not the conversation's. */
  inward?: string[];
  /** What these say is shown, but no node stores it; of one that is cut nobody can know that. */
  unstored?: string[];
  /** Which steps are one of the root graph's: what is said in one is the thread's only when all of it is over. */
  within?: number[];
  /** All that its agent says and does is one step of the root graph. */
  isOneStep?: boolean;
  /** It may end in a pause, in which a human is asked. */
  mayPause?: boolean;
  /** It stores what was said under an id of its own. */
  renames?: boolean;
  /** Its tools are plain functions, of which no server tells. */
  untold?: boolean;
  /** With which tool a speaker goes on to the next step. */
  goesOnBy?: Record<string, string>;
  /** The conversation's, in the graph's state. */
  key?: string;
  /** The input takes the place of the conversation. */
  replaces?: boolean;
  /** Where a turn waits until the test lets it go on. */
  gates?: string[];
}

export const shapes: Shape[] = [
  { graph: "react", steps: [["agent"]], tools: "agent" },
  { graph: "sequential_tools", steps: [["agent"]], tools: "agent" },
  { graph: "create_agent", steps: [["agent"]], tools: "agent" },
  { graph: "subagent", steps: [["agent"]], tools: "agent" },
  { graph: "approval", steps: [["agent"]], tools: "agent" },
  { graph: "nested", steps: [["agent"], ["writer"]], tools: "agent", isOneStep: true },
  { graph: "own_state", steps: [["thinker"], ["writer"]], inward: ["thinker"] },
  { graph: "two_models", steps: [["left", "right"]] },
  { graph: "branches", steps: [["slow"], ["after_fast", "after_slow"]] },
  { graph: "pipeline", steps: [["draft"], ["review"], ["publish"]] },
  { graph: "supervisor", steps: [["supervisor"], ["worker"]] },
  { graph: "other_key", steps: [["agent"]], key: "dialogue" },
  { graph: "no_conversation", steps: [["essayist"], ["shortener"]], inward: ["essayist", "shortener"] },
];

/** Those that `npm test` leaves to `npm run test:cells`. */
export const rarerShapes: Shape[] = [
  { graph: "fan_out", steps: [["worker_a", "worker_b", "worker_c"], ["gather"]] },
  { graph: "planned", steps: [["planner"], ["worker_a", "worker_b"]] },
  { graph: "two_calls", steps: [["first"], ["second"]], within: [0, 1] },
  { graph: "inner_graph", steps: [["agent"], ["writer"]], tools: "agent", isOneStep: true },
  { graph: "model_in_tool", steps: [["agent"]], tools: "agent" },
  { graph: "nested_model_in_tool", steps: [["agent"], ["writer"]], tools: "agent" },
  { graph: "memory", steps: [["agent"], ["host"]], tools: "agent" },
  { graph: "private_memory", steps: [["agent"], ["writer"]], tools: "agent" },
  { graph: "memory_in_tool", steps: [["agent"]], tools: "agent" },
  { graph: "parallel_agents", steps: [["east", "west"], ["summary"]], tools: "east" },
  { graph: "router", steps: [["router"], ["answer"]], unstored: ["router"] },
  { graph: "handoff", steps: [["first"], ["second"]], goesOnBy: { first: "transfer" } },
  { graph: "functional", steps: [["agent"]] },
  { graph: "no_reducer", steps: [["agent"]], replaces: true },
  { graph: "append_only", steps: [["agent"]], tools: "agent" },
  { graph: "hand_tools", steps: [["agent"]], tools: "agent", isOneStep: true, untold: true },
  { graph: "act_and_answer", steps: [["agent"], ["answer"]], tools: "agent", untold: true },
  { graph: "renaming", steps: [["first"], ["second"], ["third"], ["writer"]], within: [0, 1, 2], renames: true },
  { graph: "retrying", steps: [["agent"]], tools: "agent" },
  { graph: "guarded", steps: [["guard"], ["agent"]], inward: ["guard"] },
];

export function shapeOf(graph: string): Shape {
  const shape = [...shapes, ...rarerShapes].find((one) => one.graph === graph);
  if (!shape) throw new Error(`There is no shape ${graph}.`);
  return shape;
}

/** The shape with gates between its steps; `gates` are those that every turn passes. */
export const gated = (graph: string, gates: string[] = []): Shape => ({
  ...shapeOf(graph),
  graph: `gated_${graph}`,
  gates,
});

export const keyOf = ({ key = "messages" }: Shape): string => key;

export const hasNoConversation = ({ graph }: Shape): boolean => graph.endsWith("no_conversation");

export const inputFor = (shape: Shape, text: string): Record<string, unknown> =>
  hasNoConversation(shape) ? { topic: text } : { [keyOf(shape)]: [{ role: "user", content: text }] };

/** The conversation in wire form: where nothing merges, a message stands there as its client sent it. */
export function messagesOf(shape: Shape, values: unknown): Message[] {
  return itemsIn(values, keyOf(shape)).map((item) => {
    const { role, ...message } = item as Message & { role?: string };
    return role === "user" ? { ...message, type: "human" } : message;
  });
}

/** What a speaker says who is not held. */
export const speech = (speaker: string): string => `${speaker} has spoken.`;
