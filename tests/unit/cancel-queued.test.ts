import type { Run } from "@langchain/langgraph-sdk";
import { expect, it } from "vitest";
import { cancelQueued } from "../../proxy/stop/cancel-queued.ts";

const run = (run_id: string, status: Run["status"]) => ({ run_id, status }) as Run;

/** A server that answers a cancel of these runs with an error. */
function fake(refusals: Record<string, number> = {}) {
  const cancelled: string[] = [];
  const cancel = async (_thread: string, runId: string) => {
    if (refusals[runId]) throw Object.assign(new Error(`HTTP ${refusals[runId]}`), { status: refusals[runId] });
    cancelled.push(runId);
  };
  return { cancelled, runs: { cancel } as never };
}

it("takes what waits out of the queue, and leaves what runs", async () => {
  const client = fake();
  await cancelQueued(client, "t", [run("a", "running"), run("b", "pending"), run("c", "pending")]);
  expect(client.cancelled).toEqual(["b", "c"]);
});

it("leaves a run that waits alone: its own stop cancels it", async () => {
  const client = fake();
  await cancelQueued(client, "t", [run("a", "pending")]);
  expect(client.cancelled).toEqual([]);
});

it.each([404, 409])("is not kept from the rest by one that has started or ended meanwhile: %d", async (status) => {
  const client = fake({ b: status });
  await cancelQueued(client, "t", [run("a", "running"), run("b", "pending"), run("c", "pending")]);
  expect(client.cancelled).toEqual(["c"]);
});

it("passes on what the server refuses the caller", async () => {
  await expect(cancelQueued(fake({ b: 403 }), "t", [run("a", "running"), run("b", "pending")])).rejects.toMatchObject({
    status: 403,
  });
});
