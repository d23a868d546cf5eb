import type { Client } from "@langchain/langgraph-sdk";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { type Live, sdk, send, stop, useFlow } from "../helpers/flow.ts";
import type { Call } from "../helpers/model/script.ts";
import { startProxy } from "../helpers/proxy.ts";

const runs = 100;
/** As many at a time as the server carries out. */
const atOnce = 20;
/** So short that each of these runs is a long one, in seconds. */
const settings = { REPLAY_WINDOW: "3" };

const flow = useFlow();
/** The replica through which they stream, and another. */
let first: Listening;
let other: Listening;

beforeAll(async () => {
  [first, other] = await Promise.all([
    startProxy(inject("langgraphUrl"), settings),
    startProxy(inject("langgraphUrl"), settings),
  ]);
});
afterAll(async () => {
  await Promise.all([first.close(), other.close()]);
});

/** A run that is held in the middle of its reply, and has left a snapshot. */
interface Held {
  threadId: string;
  runId: string;
  live: Live;
  call: Call;
  elsewhere: Client;
}

const input = (content: string) => ({ messages: [{ role: "user", content }] });

/** The next message on the thread, answered. */
async function next(client: Client, threadId: string, asked: { multitaskStrategy?: "interrupt" } = {}) {
  const prompt = `after ${threadId}`;
  flow.model.script(prompt, { text: ["Gladly."] });
  await send(client, threadId, prompt, { graph: "react", ...asked }).ended;
}

const cutDirectly = ({ threadId, runId }: Held) => flow.direct.runs.cancel(threadId, runId, true);
const stopped = (body: unknown) => (held: Held) => stop(other.url, held.threadId, body);

/** Behind the run another one waits for its turn. */
async function queued({ threadId }: Held): Promise<string> {
  const prompt = `behind ${threadId}`;
  flow.model.script(prompt, { text: ["At last."] });
  const asked = { input: input(prompt), multitaskStrategy: "enqueue" as const };
  return (await sdk(first.url).runs.create(threadId, "react", asked)).run_id;
}

/** All ways of ending. */
const ways: Record<string, (held: Held) => Promise<unknown>> = {
  async "it ends well"({ call, live }) {
    call.release();
    await live.ended;
  },
  async "it fails"({ call, live, threadId, elsewhere }) {
    call.fail();
    await live.ended;
    await next(elsewhere, threadId);
  },
  "it is stopped": stopped({}),
  "it is stopped, and nothing kept": stopped({ keep: "nothing" }),
  "it is rolled back with its text": stopped({ action: "rollback" }),
  "it is undone": stopped({ action: "rollback", keep: "nothing" }),
  "it is cancelled": ({ threadId, runId, elsewhere }) => elsewhere.runs.cancel(threadId, runId, true),
  "the next message takes its turn": ({ threadId, elsewhere }) =>
    next(elsewhere, threadId, { multitaskStrategy: "interrupt" }),
  async "it is stopped with what waits behind it"(held) {
    await queued(held);
    await stop(other.url, held.threadId);
  },
  async "it ends, and what waits behind it, too"(held) {
    const runId = await queued(held);
    held.call.release();
    await flow.direct.runs.join(held.threadId, runId);
  },
  async "it is cut directly, and healed"(held) {
    await cutDirectly(held);
    await next(held.elsewhere, held.threadId);
  },
  async "it is cut directly, and what waits behind it has its turn"(held) {
    const runId = await queued(held);
    await cutDirectly(held);
    await flow.direct.runs.join(held.threadId, runId);
  },
  async "it is rolled back directly"({ threadId, runId }) {
    await flow.direct.runs.cancel(threadId, runId, true, "rollback");
  },
  async "its thread is deleted"(held) {
    await cutDirectly(held);
    await flow.direct.threads.delete(held.threadId);
  },
  async "its reader hangs up, and that means Stop"({ live, threadId, runId }) {
    live.hangUp();
    await vi.waitFor(
      async () => expect((await flow.direct.runs.get(threadId, runId)).status).toBe("interrupted"),
      20_000,
    );
  },
};

/** Of all runs that have one at this moment. */
const snapshots = async () => {
  const { items } = await flow.direct.store.searchItems(["fermata", "snapshots"], { limit: 1000 });
  return items.map(({ key }) => key);
};

/** Only of runs of this server snapshots are taken. */
describe.runIf(inject("server") === "python")("of a hundred long runs, however they end", () => {
  it("no snapshot is left", async () => {
    const [client, elsewhere] = [sdk(first.url), sdk(other.url)];
    const names = Object.keys(ways);
    const hadSnapshot = new Set<string>();
    const looking = setInterval(async () => {
      for (const runId of await snapshots()) hadSnapshot.add(runId);
    }, 300);
    const all = new Map<string, string>();
    const carryOut = async (n: number) => {
      const way = names[n % names.length] as string;
      const prompt = `${way}, ${n}`;
      const script = flow.model.script(prompt, { text: ["So ", "far, ", "so ", "good."], holdAfter: 3 });
      const { thread_id: threadId } = await client.threads.create();
      const onDisconnect = way.includes("hangs up") ? ("cancel" as const) : ("continue" as const);
      const live = send(client, threadId, prompt, { graph: "react", onDisconnect });
      live.ended.catch(() => "its end is looked at below");
      const call = await script.call(0);
      const runId = await live.runId;
      all.set(runId, way);
      await vi.waitUntil(() => hadSnapshot.has(runId), { timeout: 30_000, interval: 100 });
      await ways[way]?.({ threadId, runId, live, call, elsewhere });
    };
    const lane = async (first: number) => {
      for (let n = first; n < runs; n += atOnce) await carryOut(n);
    };
    await Promise.all(Array.from({ length: atOnce }, (_, first) => lane(first)));
    clearInterval(looking);
    expect(all.size).toBe(runs);
    const left = async () => (await snapshots()).flatMap((runId) => all.get(runId) ?? []);
    await vi.waitFor(async () => expect(await left()).toEqual([]), 30_000);
  }, 300_000);
});
