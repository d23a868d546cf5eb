import { expect, inject, vi } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { patience, type Turn } from "./cell.ts";
import { type StopBody, stop } from "./flow.ts";
import { startProxy } from "./proxy.ts";

/** A stop that waits for the end of a step, through a replica of its own. */
export interface AskedAfterStep {
  replica: Listening;
  answer: Promise<{ status: number; body: StopBody }>;
}

/** Asks to stop after the step that runs; resolves when the replica has seen which that is, and waits for its end. */
export async function askAfterStep(turn: Turn, body: object = {}): Promise<AskedAfterStep> {
  const replica = await startProxy(inject("langgraphUrl"));
  const ask = () => stop(replica.url, turn.threadId, { when: "after-step", ...body });
  const answer = ask().then((first) => (isLost(first.body) ? letEnd(turn).then(ask) : first));
  await waits(replica, 1);
  return { replica, answer };
}

/**
 * In a Python graph the client of a model can lose a cancel that comes while it
 * connects, as one does that comes when a step begins. The run then goes on
 * until the model has said all; until then it is not stopped, and that is said.
 */
const isLost = (body: object): boolean =>
  inject("server") === "python" && "error" in body && body.error === "still_running";

/** The model says all that it was held in. */
async function letEnd({ scripts }: Turn): Promise<void> {
  for (const { calls } of scripts.values()) for (const call of calls) call.release();
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
