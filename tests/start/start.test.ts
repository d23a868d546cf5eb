import type { Message } from "@langchain/langgraph-sdk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../scripts/free-port.ts";
import { conversation, outline, sdk, send } from "../helpers/flow.ts";
import { type Started, start } from "./started.ts";

const all: Started[] = [];

function begin(...args: Parameters<typeof start>): Started {
  const started = start(...args);
  all.push(started);
  return started;
}

afterAll(async () => {
  for (const started of all) await started.dispose();
});

const npmStart = ["npm", "start"];

/** Nothing is left of it, soon after `during`. */
async function expectGone(started: Started): Promise<void> {
  await expect.poll(() => started.left().map(({ command }) => command), { timeout: 8000, interval: 100 }).toEqual([]);
}

describe("two at once, on the same port", () => {
  let first: Started;
  let second: Started;
  let port: number;
  let there: Awaited<ReturnType<Started["ready"]>>;
  let beside: Awaited<ReturnType<Started["ready"]>>;
  /** A conversation on the second one. */
  let threadId: string;

  beforeAll(async () => {
    port = await freePort();
    const [one, other] = [begin(port), begin(port, npmStart)];
    const [oneReady, otherReady] = await Promise.all([one.ready(), other.ready()]);
    const otherIsFirst = otherReady.port === port;
    [first, second] = otherIsFirst ? [other, one] : [one, other];
    [there, beside] = otherIsFirst ? [otherReady, oneReady] : [oneReady, otherReady];
  });

  it("both print their addresses, and one that it stepped over the other's port", () => {
    expect(there.port).toBe(port);
    expect(first.screen()).not.toContain(`Port ${port} is taken`);
    expect(second.screen()).toContain(`Port ${port} is taken: the chat and the API are on ${beside.port}.`);
    expect(beside.server).not.toBe(there.server);
    expect(first.screen()).toContain(`https://smith.langchain.com/studio?baseUrl=${there.chat}`);
    expect(first.screen()).toMatch(/Model +scripted/);
  });

  it.each(["first", "second"])("the %s one answers with the page, and is ready", async (which) => {
    const { chat } = which === "first" ? there : beside;
    const page = await fetch(chat, { headers: { accept: "text/html" } });
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(await page.text()).toContain('<div id="root">');
    expect((await fetch(`${chat}/-/ready`)).status).toBe(200);
  });

  describe.concurrent("talking to them", () => {
    it("prose streams at a readable pace, is stopped, and goes on in the next turn", async ({ expect }) => {
      const client = sdk(there.chat);
      const { thread_id } = await client.threads.create();
      const live = send(client, thread_id, "Tell me something 🐉");
      const tokens = () => live.parts.filter(({ event }) => event === "messages").length;
      const pollEvery = { timeout: 20_000, interval: 10 };
      await expect.poll(tokens, pollEvery).toBeGreaterThan(2);
      const [from, begun] = [tokens(), performance.now()];
      await expect.poll(tokens, pollEvery).toBeGreaterThan(from + 40);
      const pace = (tokens() - from) / (performance.now() - begun);
      expect(pace * 1000).toBeLessThan(40);
      await client.runs.cancel(thread_id, await live.runId);
      await live.ended;
      const [, cut] = await conversation(client, thread_id);
      expect(cut?.content).toContain("🐉");
      const again = send(client, thread_id, "go on");
      await expect.poll(() => [...again.shown().values()].join("").length, pollEvery).toBeGreaterThan(30);
      expect([...again.shown().values()].join("")).toMatch(/^…/);
      await client.runs.cancel(thread_id, await again.runId);
      await again.ended;
    });

    it.for(["agent", "deep_agent"])(
      "a question for tools is answered with what they say: %s",
      async (graph, { expect }) => {
        const client = sdk(beside.chat);
        const { thread_id } = await client.threads.create();
        const prompt = "What is 12 * (3 + 4), and what time is it in Vienna? Wait 1 second, then say done.";
        await send(client, thread_id, prompt, { graph }).ended;
        const messages = await conversation(client, thread_id);
        expect(messages.map(({ type }) => type)).toEqual(["human", "ai", "tool", "tool", "tool", "ai"]);
        const calls = (messages[1] as Message & { tool_calls?: { id: string; name: string }[] }).tool_calls ?? [];
        expect(calls.map(({ name }) => name)).toEqual(["calculate", "current_time", "wait"]);
        const answer = String(messages.at(-1)?.content);
        expect(answer).toContain("**84**");
        expect(answer).toContain(String(messages[3]?.content));
        expect(answer).toContain("**done**");
        threadId = thread_id;
      },
    );

    it("a tool that was cut is not said to have run", async ({ expect }) => {
      const client = sdk(beside.chat);
      const { thread_id } = await client.threads.create();
      const live = send(client, thread_id, "Wait 300 seconds, then say done.");
      await expect
        .poll(() => JSON.stringify(live.parts.filter(({ event }) => event === "values").at(-1)), { timeout: 20_000 })
        .toContain('"seconds":300');
      await client.runs.cancel(thread_id, await live.runId);
      await live.ended;
      const next = send(client, thread_id, "Are you there?");
      await expect.poll(() => [...next.shown().values()].join("").length, { timeout: 20_000 }).toBeGreaterThan(80);
      const [said] = next.shown().values();
      expect(said).toMatch(/^`wait` (was cut off|never started)/);
      expect(said).not.toMatch(/done|waited/i);
      await client.runs.cancel(thread_id, await next.runId);
      await next.ended;
    });
  });

  it("Ctrl-C ends all of the second, its conversations are there when it is started again, and the first goes on", async () => {
    process.kill(-second.pid, "SIGINT");
    await second.exited;
    await expectGone(second);
    expect((await fetch(`${there.chat}/-/ready`)).status).toBe(200);
    const again = begin(beside.port);
    const { chat, port: samePort } = await again.ready();
    expect(samePort).toBe(beside.port);
    expect(outline(await conversation(sdk(chat), threadId)).at(-1)).toContain("**84**");
    process.kill(-again.pid, "SIGINT");
    expect((await again.exited).code).toBe(0);
    await expectGone(again);
    expect((await fetch(`${there.chat}/info`)).status).toBe(200);
  });

  it("nothing outlives the first when it is killed", async () => {
    const starter = first
      .family()
      .find(({ command }) => command.includes("scripts/start.ts") && !command.startsWith("sh"));
    process.kill(starter?.pid ?? 0, "SIGKILL");
    await first.exited;
    await expectGone(first);
  });
});

describe("ends", () => {
  it("at a Ctrl-C while it is still starting", async () => {
    const started = begin(await freePort());
    await expect.poll(() => started.family().length, { timeout: 20_000, interval: 50 }).toBeGreaterThan(2);
    process.kill(started.pid, "SIGINT");
    expect((await started.exited).code).toBe(0);
    await expectGone(started);
  });

  it("with the npm that it runs in", async () => {
    const started = begin(await freePort(), npmStart);
    await expect.poll(() => started.family().length, { timeout: 20_000, interval: 50 }).toBeGreaterThan(4);
    process.kill(started.pid, "SIGTERM");
    await started.exited;
    await expectGone(started);
  });

  it("with 1 and a clear word when the LangGraph server has ended", async () => {
    const started = begin(await freePort());
    const { server } = await started.ready();
    const dead = started.family().filter(({ command }) => command.includes(`"port":${new URL(server).port}`));
    for (const { pid } of dead) process.kill(pid, "SIGKILL");
    expect((await started.exited).code).toBe(1);
    expect(started.screen()).toMatch(/The LangGraph server has ended.*Server running at/s);
    await expectGone(started);
  });
});
