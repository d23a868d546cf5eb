import { expect, inject, vi } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { patience } from "./cell.ts";
import { type StopBody, stop } from "./flow.ts";
import { startProxy } from "./proxy.ts";

/** A stop that waits for the end of a step, through a replica of its own. */
export interface AskedAfterStep {
  replica: Listening;
  answer: Promise<{ status: number; body: StopBody }>;
}

/** Asks to stop after the step that runs; resolves when the replica has seen which that is, and waits for its end. */
export async function askAfterStep(threadId: string, body: object = {}): Promise<AskedAfterStep> {
  const replica = await startProxy(inject("langgraphUrl"));
  const answer = stop(replica.url, threadId, { when: "after-step", ...body });
  await waits(replica, 1);
  return { replica, answer };
}

/** Resolves when so many stops wait in the replica. */
export async function waits(replica: Listening, count: number): Promise<void> {
  await vi.waitFor(async () => expect(await measured(replica, "fermata_step_waits")).toBe(count), patience);
}

/** What the replica's metrics say. */
export async function measured({ url }: Listening, name: string): Promise<number> {
  const metrics = await (await fetch(`${url}/-/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(metrics)?.[1]);
}
