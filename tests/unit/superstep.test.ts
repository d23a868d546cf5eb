import { describe, expect, it } from "vitest";
import { endOfStep, hasReached } from "../../proxy/core/superstep.ts";

const run = { run_id: "r", kwargs: { input: { messages: [] } } };
const resumed = { run_id: "r", kwargs: { input: null } };
const head = (step: number, source: string, run_id = "r") => ({ metadata: { step, source, run_id } });

describe("the step that runs now ends", () => {
  it.each([
    ["on a new thread that has nothing yet", { metadata: null }, run, 1],
    ["on a new thread that has its input", head(-1, "input"), run, 1],
    ["in the first step", head(0, "loop"), run, 1],
    ["in a later step", head(4, "loop"), run, 5],
    ["in a second turn, before its input", head(4, "loop", "earlier"), run, 7],
    ["in a second turn, with its input", head(5, "input"), run, 7],
    ["in a second turn, in its first step", head(6, "loop"), run, 7],
    ["going on from a pause", head(4, "loop", "earlier"), resumed, 5],
    ["going on, a step later", head(5, "loop"), resumed, 6],
    ["of a server that tells no kwargs", head(5, "input"), { run_id: "r" }, 7],
  ])("%s", (_when, at, of, end) => {
    expect(endOfStep(at, of)).toBe(end);
  });

  it("at a checkpoint of the run itself", () => {
    expect(hasReached(head(1, "loop"), run, 1)).toBe(true);
    expect(hasReached(head(0, "loop"), run, 1)).toBe(false);
    expect(hasReached(head(9, "update", "earlier"), run, 1)).toBe(false);
    expect(hasReached({ metadata: null }, run, 1)).toBe(false);
  });
});
