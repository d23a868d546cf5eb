import { rarerShapes, type Shape, shapes } from "../helpers/shapes.ts";

/** Those that may end in a pause, in which a human is asked. */
const pausing: Shape[] = ["hitl", "deep_hitl", "nested_approval", "asking_tool", "pausing_pipeline"].map((graph) => ({
  graph,
  steps: [],
  mayPause: true,
}));

/** Every graph that the storm goes through. */
export const stormShapes: Shape[] = [...shapes, ...rarerShapes, ...pausing];
