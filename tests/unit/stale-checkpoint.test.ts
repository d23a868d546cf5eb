import { describe, expect, it } from "vitest";
import {
  type CheckpointFields,
  fromCheckpoint,
  namedCheckpoint,
  namesSubgraph,
  onHead,
} from "../../proxy/core/named-checkpoint.ts";
import { type Ancestor, standingOf, type UnheardTurns } from "../../proxy/core/stale-checkpoint.ts";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

/** Each entry: the checkpoint's name (its second), the parent's, who wrote it. Newest first. */
const history = (...entries: [id: number, parent: number | undefined, source: string, run?: string][]): Ancestor[] =>
  entries.map(([id, parent, source, run]) => ({
    checkpoint: { checkpoint_id: String(id) },
    parent_checkpoint: parent === undefined ? null : { checkpoint_id: String(parent) },
    metadata: { source, run_id: run },
    created_at: at(id),
  }));

/** A turn that ended well, one that was stopped (input, a step, our write), and a branch that nobody is on. */
const stopped = history(
  [9, 8, "update"],
  [8, 7, "loop", "cut"],
  [7, 4, "input", "cut"],
  [5, 2, "input", "branch"],
  [4, 3, "loop", "good"],
  [3, undefined, "input", "good"],
);
const unread: UnheardTurns = { runIds: ["cut"], since: at(6), unread: true };
const unknownIfRead: UnheardTurns = { ...unread, unread: false };

describe("a run that names a checkpoint of a thread that was stopped", () => {
  it.each<[string, named: number, turns: UnheardTurns, standing: string]>([
    ["before the turn, unread", 4, unread, "stale"],
    ["before the turn, who knows whether read", 4, unknownIfRead, "stale"],
    ["a step of the turn, unread", 8, unread, "stale"],
    ["a step of the turn, who knows whether read: it was, by whoever names it", 8, unknownIfRead, "meant"],
    ["the input: an edit, which only a reader of the history can make", 7, unread, "meant"],
    ["the head", 9, unread, "meant"],
    ["an older turn", 3, unread, "elsewhere"],
    ["another branch", 5, unread, "elsewhere"],
    ["one that is gone", 6, unread, "elsewhere"],
  ])("%s: %d", (_what, named, turns, standing) => {
    expect(standingOf(String(named), stopped, turns)).toBe(standing);
  });

  it("two turns were stopped: all from before the first is stale", () => {
    const twice = [...history([12, 11, "update"], [11, 9, "input", "cut 2"]), ...stopped];
    const turns = (isUnread: boolean): UnheardTurns => ({ runIds: ["cut", "cut 2"], since: at(6), unread: isUnread });
    expect(["4", "8", "9"].map((named) => standingOf(named, twice, turns(true)))).toEqual(["stale", "stale", "stale"]);
    expect(["4", "8", "9"].map((named) => standingOf(named, twice, turns(false)))).toEqual(["stale", "meant", "stale"]);
  });

  it("the first turn was stopped: there is nothing before it", () => {
    const first = history([9, 8, "update"], [8, 7, "loop", "cut"], [7, undefined, "input", "cut"]);
    expect(standingOf("8", first, unread)).toBe("stale");
    expect(standingOf("4", first, unread)).toBe("unknown");
  });

  it("a clock that is off does not hide what the run wrote", () => {
    const late = { ...unread, since: at(50) };
    expect(standingOf("4", stopped.slice(1), late)).toBe("stale");
  });

  it("history that does not reach so far", () => {
    expect(standingOf("4", stopped.slice(0, 2), unread)).toBe("unknown");
  });
});

describe("where a run names its checkpoint", () => {
  const head = { checkpoint_id: "head", checkpoint_ns: "", checkpoint_map: null };

  it.each<[run: Record<string, unknown>, moved: Record<string, unknown>]>([
    [
      { checkpoint: { checkpoint_id: "old", checkpoint_ns: "", checkpoint_map: { "": "old" } }, n: 1 },
      { checkpoint: { checkpoint_id: "head", checkpoint_ns: "" }, n: 1 },
    ],
    [{ checkpoint_id: "old" }, { checkpoint_id: "head" }],
    [
      { config: { tags: ["t"], configurable: { checkpoint_id: "old", user: 1 } } },
      { config: { tags: ["t"], configurable: { checkpoint_id: "head", user: 1 } } },
    ],
  ])("%j", (run, moved) => {
    expect(namedCheckpoint(run)).toBe("old");
    expect(fromCheckpoint(run, head)).toEqual(moved);
    expect(onHead(run)).toBe(run);
  });

  it("of several the server's order counts, and all are replaced", () => {
    const run = {
      checkpoint: { checkpoint_id: "a" },
      checkpoint_id: "b",
      config: { configurable: { checkpoint_id: "c" } },
    };
    expect(namedCheckpoint(run)).toBe("a");
    expect(namedCheckpoint({ ...run, checkpoint: {} })).toBe("b");
    const moved = fromCheckpoint(run, head);
    expect(JSON.stringify(moved).match(/head/g)).toHaveLength(3);
  });

  it("names none: for the JS server it is said that the head is meant", () => {
    const run: CheckpointFields & { input: number } = { input: 1 };
    expect(onHead(run)).toEqual({ input: 1, config: { configurable: { checkpoint_id: null } } });
    expect(onHead({ config: { tags: [], configurable: { a: 1 } } })).toEqual({
      config: { tags: [], configurable: { a: 1, checkpoint_id: null } },
    });
    expect(onHead({ config: "nonsense" })).toEqual({ config: "nonsense" });
  });

  it("a subgraph's", () => {
    expect(namesSubgraph({ checkpoint: { checkpoint_id: "a", checkpoint_ns: "tools:1" } })).toBe(true);
    expect(namesSubgraph({ checkpoint: { checkpoint_id: "a", checkpoint_ns: "" } })).toBe(false);
  });
});
