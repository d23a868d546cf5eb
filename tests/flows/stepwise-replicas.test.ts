import { describe, expect, inject, it } from "vitest";
import { conversation, type Live, outline, shownIn, stop, useFlow } from "../helpers/flow.ts";
import { asValue } from "../helpers/mortal-flow.ts";
import { startReplica } from "../helpers/replica.ts";
import { events, heldAt, messageOf, sendStepwise, spokenBy, until } from "../helpers/stepwise.ts";

const flow = useFlow();

/** A run through a replica of its own, which is held while `holder` speaks. */
async function heldIn(holder: "draft" | "review", prompt: string) {
  const replica = await startReplica(inject("langgraphUrl"));
  const held = await heldAt(flow, holder, prompt, { url: replica.url });
  const die = async () => {
    replica.kill("SIGKILL");
    await replica.exited;
    held.live.hangUp();
    await held.ended;
  };
  return { ...held, replica, die };
}

async function joined(threadId: string, runId: string, lastEventId: string): Promise<Live["parts"]> {
  const parts: Live["parts"] = [];
  for await (const part of flow.client.runs.joinStream(threadId, runId, { lastEventId })) {
    parts.push(part as Live["parts"][number]);
  }
  return parts;
}

const isLast = ({ event, data }: Live["parts"][number]) =>
  event === "values" && (data as { messages: unknown[] }).messages.length === 4;

describe.concurrent("a run that is driven step by step, and its replica", () => {
  it("goes on across steps for a client that reconnects elsewhere, every part once", async () => {
    const { threadId, live, call, die, runId } = await heldIn("review", "reconnect");
    await die();
    const rest = joined(threadId, runId, live.parts.at(-1)?.id ?? "");
    call?.release();
    const all = [...live.parts, ...(await rest)];
    expect([...shownIn(all).values()]).toEqual(spokenBy("draft", "review", "publish").map((line) => line.slice(4)));
    expect(events(all, "metadata")).toHaveLength(1);
    expect(all.filter(isLast)).toHaveLength(1);
    expect(all).toEqual(await joined(threadId, runId, "-1"));
    expect((await conversation(flow.client, threadId)).length).toBe(4);
  });

  it("rests at a boundary when it dies; who looks at the thread sees it busy, and it is driven on", async () => {
    const { threadId, call, die, runId } = await heldIn("draft", "left alone");
    await die();
    call?.release();
    await until(async () => expect((await flow.direct.threads.get(threadId)).status).toBe("interrupted"));
    expect((await flow.client.threads.get(threadId)).status).toBe("busy");
    expect((await flow.client.runs.get(threadId, runId)).status).toBe("running");
    await until(async () => expect((await flow.client.threads.get(threadId)).status).toBe("idle"));
    expect((await flow.client.runs.get(threadId, runId)).status).toBe("success");
    expect(outline(await conversation(flow.client, threadId)).slice(1)).toEqual(spokenBy("draft", "review", "publish"));
  });

  it("is stopped while it rests, and nobody drives it", async () => {
    const { threadId, call, die, runId, scripts } = await heldIn("draft", "left and stopped");
    await die();
    call?.release();
    await until(async () => expect((await flow.direct.threads.get(threadId)).status).toBe("interrupted"));
    expect((await stop(flow.proxy.url, threadId)).body).toMatchObject({ outcome: "stopped", run_ids: [runId] });
    expect(outline(await conversation(flow.client, threadId)).slice(1)).toEqual(spokenBy("draft"));
    expect(scripts.review?.calls).toEqual([]);
  });

  it("is undone while it rests, and nobody drives it", async () => {
    const prompt = "left and undone";
    const { threadId, call, die, runId, scripts } = await heldIn("draft", prompt);
    await die();
    call?.release();
    await until(async () => expect((await flow.direct.threads.get(threadId)).status).toBe("interrupted"));
    const { body } = await stop(flow.proxy.url, threadId, { action: "rollback", keep: "nothing" });
    expect(body).toMatchObject({ outcome: "stopped", run_ids: [runId], input: messageOf(prompt) });
    expect(await flow.direct.threads.getHistory(threadId)).toEqual([]);
    expect(await flow.direct.runs.list(threadId)).toEqual([]);
    expect(scripts.review?.calls).toEqual([]);
  });

  it.each(["waits for its end", "reads its stream"])("rests between two steps; who %s drives it on", async (how) => {
    const { threadId, live, call, die, runId } = await heldIn("draft", `left, ${how}`);
    await die();
    call?.release();
    await until(async () => expect((await flow.direct.threads.get(threadId)).status).toBe("interrupted"));
    if (how === "waits for its end") await flow.client.runs.join(threadId, runId);
    else {
      const all = [...live.parts, ...(await joined(threadId, runId, live.parts.at(-1)?.id ?? ""))];
      const shown = spokenBy("draft", "review", "publish").map((line) => line.slice(4));
      expect([...shownIn(all).values()]).toEqual(shown);
    }
    const said = outline(await conversation(flow.client, threadId));
    expect(said.slice(1)).toEqual(spokenBy("draft", "review", "publish"));
    expect((await flow.client.threads.get(threadId)).status).toBe("idle");
  });

  it("ends at a boundary when another one is asked to stop", async () => {
    const { replica, threadId, live, ended, call, runId, scripts } = await heldIn("draft", "stopped elsewhere");
    const answer = stop(flow.proxy.url, threadId);
    await until(async () => expect((await flow.direct.runs.list(threadId)).length).toBe(2));
    call?.release();
    expect((await answer).body).toMatchObject({ outcome: "stopped", run_ids: [runId] });
    await ended;
    const messages = await conversation(flow.client, threadId);
    expect(outline(messages).slice(1)).toEqual(spokenBy("draft"));
    expect(events(live.parts, "values").at(-1)).toMatchObject({ data: { messages } });
    expect(scripts.review?.calls).toEqual([]);
    replica.kill("SIGKILL");
  });

  it("is stopped though whoever was asked to has died", async () => {
    const { replica, threadId, ended, call, scripts } = await heldIn("draft", "stopper dies");
    const other = await startReplica(inject("langgraphUrl"));
    const answer = stop(other.url, threadId).catch(asValue);
    await until(async () => expect((await flow.direct.runs.list(threadId)).length).toBe(2));
    other.kill("SIGKILL");
    await other.exited;
    call?.release();
    await Promise.all([answer, ended]);
    expect(outline(await conversation(flow.client, threadId)).slice(1)).toEqual(spokenBy("draft"));
    expect(scripts.review?.calls).toEqual([]);
    expect(await flow.direct.runs.list(threadId)).toHaveLength(1);
    replica.kill("SIGKILL");
  });

  it("is stopped before the next message though all have died", async () => {
    const { threadId, call, die, scripts } = await heldIn("draft", "all die");
    const other = await startReplica(inject("langgraphUrl"));
    const answer = stop(other.url, threadId).catch(asValue);
    await until(async () => expect((await flow.direct.runs.list(threadId)).length).toBe(2));
    other.kill("SIGKILL");
    await other.exited;
    await Promise.all([answer, die()]);
    call?.release();
    flow.model.script("after all", { text: ["Gladly."] });
    await sendStepwise(flow.client, threadId, "after all", "react", { multitaskStrategy: "enqueue" }).ended;
    expect(outline(await conversation(flow.client, threadId)).slice(1)).toEqual([
      ...spokenBy("draft"),
      "human: after all",
      "ai: Gladly.",
    ]);
    expect(scripts.review?.calls).toEqual([]);
  });
});
