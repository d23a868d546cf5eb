/** A graph, and who speaks in it. */
export interface Shape {
  graph: string;
  /** Who speaks in each step of a turn. */
  steps: string[][];
  /** Who of them has tools. */
  tools?: string;
  /** What these say is not the conversation's. */
  inward?: string[];
  /** The conversation's, in the graph's state. */
  key?: string;
  /** Where a turn waits until the test lets it go on. */
  gates?: string[];
}

export const shapes: Shape[] = [
  { graph: "react", steps: [["agent"]], tools: "agent" },
  { graph: "sequential_tools", steps: [["agent"]], tools: "agent" },
  { graph: "create_agent", steps: [["agent"]], tools: "agent" },
  { graph: "subagent", steps: [["agent"]], tools: "agent" },
  { graph: "approval", steps: [["agent"]], tools: "agent" },
  { graph: "nested", steps: [["agent"], ["writer"]], tools: "agent" },
  { graph: "own_state", steps: [["thinker"], ["writer"]], inward: ["thinker"] },
  { graph: "two_models", steps: [["left", "right"]] },
  { graph: "branches", steps: [["slow"], ["after_fast", "after_slow"]] },
  { graph: "pipeline", steps: [["draft"], ["review"], ["publish"]] },
  { graph: "supervisor", steps: [["supervisor"], ["worker"]] },
  { graph: "other_key", steps: [["agent"]], key: "dialogue" },
  { graph: "no_conversation", steps: [["essayist"], ["shortener"]], inward: ["essayist", "shortener"] },
];

export function shapeOf(graph: string): Shape {
  const shape = shapes.find((one) => one.graph === graph);
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

/** What a speaker says who is not held. */
export const speech = (speaker: string): string => `${speaker} has spoken.`;
