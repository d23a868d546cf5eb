/** Every graph that the storm goes through. */
export const shapes = [
  "react",
  "create_agent",
  "nested",
  "own_state",
  "subagent",
  "two_models",
  "branches",
  "pipeline",
  "supervisor",
  "approval",
  "other_key",
  "no_conversation",
];
