import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Balancer, startBalancer } from "../helpers/balancer.ts";
import { conversation, type Live, outline, sdk, send, shownIn, stop, useFlow } from "../helpers/flow.ts";
import { type Replica, startReplica } from "../helpers/replica.ts";

const flow = useFlow();
const story = Array.from({ length: 400 }, (_, n) => `w${n} `);
/** So many runs go on at once: what a dev server runs. */
const atOnce = 10;
const atLeast = 30;

let replicas: [Replica, Replica];
let balancer: Balancer;

beforeAll(async () => {
  const upstream = inject("langgraphUrl");
  replicas = await Promise.all([startReplica(upstream), startReplica(upstream)]);
  balancer = await startBalancer(replicas.map(({ url }) => url));
});
afterAll(async () => {
  await balancer.close();
  for (const replica of replicas) replica.kill("SIGKILL");
  await Promise.all(replicas.map(({ exited }) => exited));
});

const said = ({ parts }: Live) => [...shownIn(parts).values()].join("").trim();

/** A run that talks slowly is stopped after so many words. Resolves to what came of it. */
async function talkAndStop(prompt: string, words: number) {
  const client = sdk(balancer.url);
  const { thread_id: threadId } = await client.threads.create();
  flow.model.script(prompt, { text: story, pace: 40 });
  const live = send(client, threadId, prompt);
  while (said(live).split(" ").length < words) await delay(5);
  const seen = said(live);
  const { body } = await pressed(threadId);
  await live.ended;
  const [, reply = ""] = outline(await conversation(client, threadId));
  return { outcome: body.outcome, whole: reply.startsWith(`ai: ${seen}`), reply };
}

/** Its answer may be lost with the replica's connection: then it is pressed again. */
async function pressed(threadId: string): ReturnType<typeof stop> {
  try {
    return await stop(balancer.url, threadId);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return await pressed(threadId);
  }
}

/** No new work for it; then it is told to end, and another one takes its place. Resolves to its exit code. */
async function renew(at: 0 | 1): Promise<number | null> {
  const old = replicas[at];
  balancer.serve([replicas[1 - at]?.url ?? ""]);
  old.kill("SIGTERM");
  const code = await old.exited;
  replicas[at] = await startReplica(inject("langgraphUrl"), old.port);
  balancer.serve(replicas.map(({ url }) => url));
  return code;
}

describe("a rolling restart under load", () => {
  it("loses no stop and no text, and each replica ends by itself", async () => {
    let sent = 0;
    let renewed = false;
    const results: Awaited<ReturnType<typeof talkAndStop>>[] = [];
    const talk = async () => {
      while (sent < atLeast || !renewed) {
        const n = sent++;
        results.push(await talkAndStop(`rolling ${n}`, 3 + ((n * 7) % 20)));
      }
    };
    const load = Promise.all(Array.from({ length: atOnce }, talk));
    await expect.poll(() => results.length).toBeGreaterThan(2);
    const codes = [await renew(0), await renew(1)];
    renewed = true;
    await load;
    expect(codes).toEqual([0, 0]);
    expect(results.length).toBeGreaterThanOrEqual(atLeast);
    expect(results.filter(({ outcome, whole }) => outcome !== "stopped" || !whole)).toEqual([]);
  }, 90_000);
});
