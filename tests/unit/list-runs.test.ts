import type { Run } from "@langchain/langgraph-sdk";
import { expect, it } from "vitest";
import { everyRun } from "../../proxy/stop/list-runs.ts";

/** A thread with so many runs, of which a server tells so many at a time, the latest first. */
function threadOf(count: number) {
  const runs = Array.from({ length: count }, (_, n) => ({
    run_id: `run-${n}`,
    created_at: new Date(1_800_000_000_000 + n).toISOString(),
  })) as Run[];
  const calls: number[] = [];
  const list = async (_: string, { limit = 10, offset = 0 }: { limit?: number; offset?: number } = {}) => {
    calls.push(offset);
    return [...runs].reverse().slice(offset, offset + limit);
  };
  return { client: { runs: { list: list as never } }, runs, calls };
}

it.each([
  [0, [0]],
  [999, [0]],
  [1000, [0, 1000]],
  [2500, [0, 1000, 2000]],
])("all of %i runs are told, oldest first", async (count, offsets) => {
  const { client, runs, calls } = threadOf(count);
  expect(await everyRun(client, "thread")).toEqual(runs);
  expect(calls).toEqual(offsets);
});
