import { expect, it, vi } from "vitest";
import { ids, startFakeLongRun, token } from "../helpers/fake-long-run.ts";
import { startProxy } from "../helpers/proxy.ts";

it("a join that fails leaves the run to be looked after: it goes on all the same", { timeout: 15_000 }, async ({
  onTestFinished,
}) => {
  const server = await startFakeLongRun();
  const proxy = await startProxy(server.url, { REPLAY_WINDOW: "3" });
  onTestFinished(async () => {
    await proxy.close();
    await server.close();
  });
  server.say("metadata", { run_id: ids.run, attempt: 1 });
  server.say("messages", token("Once "));
  server.fails.set("stream", () => 429);
  const join = await fetch(`${proxy.url}/threads/${ids.thread}/runs/${ids.run}/stream`);
  expect(join.status).toBe(429);
  server.fails.clear();
  await vi.waitFor(() => expect(server.store.size).toBe(1), { timeout: 8000 });
});
