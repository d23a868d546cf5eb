import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { conversation, sdk, send, stop } from "../helpers/flow.ts";
import { type ForgetfulUpstream, startForgetful } from "../helpers/forgetful-upstream.ts";
import { useGuardedFlow } from "../helpers/guarded-flow.ts";
import { startProxy } from "../helpers/proxy.ts";

/** In seconds. */
const window = 10;
const words = 110;
const patience = 20_000;

/** The store of these servers is open to everybody whom they know. */
const looks = [
  { method: "POST", path: "/store/items/search", body: { namespace_prefix: [], limit: 1000 } },
  { method: "POST", path: "/store/items/search", body: { namespace_prefix: ["fermata"], limit: 1000 } },
  { method: "POST", path: "/store/namespaces", body: { limit: 1000 } },
];

/** Only of runs of this server snapshots are taken. */
describe.runIf(inject("server") === "python")("while a long run of alice's goes on", () => {
  const flow = useGuardedFlow();
  let upstream: ForgetfulUpstream;
  let proxy: Listening;

  beforeAll(async () => {
    upstream = await startForgetful(flow.url, window * 1000);
    proxy = await startProxy(upstream.url, { REPLAY_WINDOW: String(window) });
  });
  afterAll(async () => {
    await proxy.close();
    await upstream.close();
  });

  it("bob, who reads the whole store, finds none of what it says, nor what it is sealed with", async () => {
    const prompt = "keep it secret";
    const text = Array.from({ length: words }, (_, n) => `secret-${n} `);
    const script = flow.model.script(prompt, { text, pace: 200, holdAfter: words });
    const alice = sdk(proxy.url, { authorization: "Bearer alice" });
    const { thread_id: threadId } = await alice.threads.create();
    const live = send(alice, threadId, prompt, { graph: "react" });
    const runId = await live.runId;
    const item = { method: "GET", path: `/store/items?namespace=fermata.snapshots&key=${runId}` };
    const isThere = async () => (await flow.askDirectly("bob", item)).body.includes(runId);
    await vi.waitUntil(isThere, patience);
    const run = { method: "GET", path: `/threads/${threadId}/runs/${runId}` };
    const { kwargs } = JSON.parse((await flow.askDirectly("alice", run)).body);
    const { key } = kwargs.config.configurable.__fermata_added as { key: string };
    for (const ask of [flow.askDirectly, flow.ask]) {
      expect((await ask("bob", run)).status).toBe(404);
      const seen = await Promise.all([item, ...looks].map((look) => ask("bob", look)));
      expect(seen.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      const all = seen.map(({ body }) => body).join("\n");
      expect(all).toContain(runId);
      for (const secret of ["secret-", prompt, key]) expect(all).not.toContain(secret);
    }
    await (await script.call(0)).held.opened;
    expect((await stop(proxy.url, threadId)).status).toBe(401);
    const stopped = await fetch(`${proxy.url}/threads/${threadId}/stop`, {
      method: "POST",
      headers: { authorization: "Bearer alice" },
    });
    expect(stopped.status).toBe(200);
    await live.ended;
    const [, reply] = await conversation(alice, threadId);
    expect(reply?.content).toBe(text.join("").trimEnd());
    await vi.waitUntil(async () => !(await isThere()), patience);
  }, 90_000);
});
