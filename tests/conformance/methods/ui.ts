import { graph, type Methods, same } from "../case.ts";

export const ui: Methods = {
  getComponent: { "of a graph that has none": same((client) => client["~ui"].getComponent(graph, "none")) },
};
