import { describe, expect, inject, it, vi } from "vitest";
import { isTool, textOf } from "../../proxy/core/message.ts";
import { askAfterStep, waits } from "../helpers/asked.ts";
import { begin, beginHeld, goesOn, lookAt, spoken, type Turn } from "../helpers/cell.ts";
import { conversation, sdk, send, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";
import { shapeOf, speech } from "../helpers/shapes.ts";

const flow = useFlow();
vi.setConfig({ testTimeout: 90_000 });

const half: Reply = { text: ["Half ", "of ", "it ", "never said"], holdAfter: 3 };
const whole = "Half of it never said";
/** What is kept of it where it was begun in the moment of the stop; all of it, where the server has let it be said. */
const begunOrNot = [undefined, "Half", "Half of", "Half of it", ...(inject("server") === "python" ? [whole] : [])];
const how = { action: "interrupt", keep: "partial" } as const;

/** A call of the probe, by a name that no other test has. */
function probeCall(prompt: string, n = 1) {
  const id = `${prompt}: call ${n}`.replaceAll(/[^\w-]+/g, "-");
  return { id, probe: flow.model.probe(id), call: { id, name: "probe", args: [JSON.stringify({ name: id })] } };
}

const release = async ({ scripts }: Turn, speaker: string) => (await scripts.get(speaker)?.call(0))?.release();

/** The thread goes on from where the stop has left it. */
const accepts = ({ shape, threadId, prompt }: Turn) => goesOn(flow, shape, threadId, `then, ${prompt}`);

describe.concurrent("a reply that is being said is said to its end", () => {
  it.each(["react", "create_agent", "subagent"])("%s: its tools are not left open", async (graph) => {
    const prompt = `${graph} after its reply`;
    const { id, probe, call } = probeCall(prompt);
    const reply = { text: ["Let ", "me ", "ask."], calls: [call], holdAfter: 2 };
    const turn = await beginHeld(flow, shapeOf(graph), 0, prompt, reply);
    const { replica, answer } = await askAfterStep(turn);
    await release(turn, "agent");
    const { body } = await answer;
    await turn.live.ended;
    expect(body).toMatchObject({ outcome: "stopped", run_ids: [await turn.live.runId], kept: [] });
    // The server begins the next step at once; what it says of its call is true.
    expect(body.tool_calls).toMatchObject([{ id, fate: expect.toBeOneOf(["cut", "never-started"]) }]);
    if (probe.startedAt !== undefined) expect(body.tool_calls[0]?.fate).toBe("cut");
    const left = await lookAt(flow, turn, how, body);
    expect(spoken(left)).toEqual(["Let me ask."]);
    expect(left.find(({ type }) => type === "ai")?.response_metadata?.stopped).toBeUndefined();
    expect(turn.scripts.get("agent")?.calls).toHaveLength(1);
    await accepts(turn);
    await replica.close();
  });

  const next: Record<string, { speaks: string; step: number; said: string[]; cut: string; unasked: string[] }> = {
    nested: { speaks: "agent", step: 0, said: [], cut: "writer", unasked: [] },
    pipeline: { speaks: "draft", step: 0, said: [], cut: "review", unasked: ["publish"] },
    supervisor: { speaks: "supervisor", step: 0, said: [], cut: "worker", unasked: [] },
    "pipeline, later": { speaks: "review", step: 1, said: [speech("draft")], cut: "publish", unasked: [] },
  };

  it.each(Object.entries(next))("%s: who would speak next doesn't come to an end", async (name, place) => {
    const prompt = `${name} after its step`;
    const shape = shapeOf(name.replace(/,.*/, ""));
    const turn = await begin(flow, shape, prompt, { [place.speaks]: [half], [place.cut]: [half] });
    await (await turn.scripts.get(place.speaks)?.call(0))?.held.opened;
    const { replica, answer } = await askAfterStep(turn);
    await release(turn, place.speaks);
    const { body } = await answer;
    await turn.live.ended;
    expect(body.outcome).toBe("stopped");
    const left = await lookAt(flow, turn, how, body);
    const [first, second, ...more] = spoken(left).slice(place.said.length);
    expect(spoken(left).slice(0, place.said.length)).toEqual(place.said);
    expect([first, more]).toEqual([whole, []]);
    // What was begun and shown of the next step is kept, as after any stop.
    expect(begunOrNot).toContain(second);
    expect(place.unasked.filter((speaker) => turn.scripts.get(speaker)?.calls.length)).toEqual([]);
    await accepts(turn);
    await replica.close();
  });
});

describe.concurrent("tools that run may finish", () => {
  it.each(["react", "create_agent", "subagent", "sequential_tools"])(
    "%s: their results are stored whole",
    async (graph) => {
      const prompt = `${graph} after its tools`;
      const calls = [probeCall(prompt, 1), probeCall(prompt, 2)];
      const asks = { text: ["Let me ask."], calls: calls.map(({ call }) => call) };
      const turn = await begin(flow, shapeOf(graph), prompt, { agent: [asks, half] });
      await calls[0]?.probe.started.opened;
      const { replica, answer } = await askAfterStep(turn);
      for (const { id, probe } of calls) probe.answer(`result of ${id}`);
      const { body } = await answer;
      await turn.live.ended;
      expect(body).toMatchObject({ outcome: "stopped", tool_calls: [] });
      const left = await lookAt(flow, turn, how, body);
      expect(left.filter(isTool).map(({ content, status }) => [content, status])).toEqual(
        calls.map(({ id }) => [`result of ${id}`, "success"]),
      );
      const [said, begun, ...more] = spoken(left);
      expect([said, more]).toEqual(["Let me ask.", []]);
      expect(begunOrNot).toContain(begun);
      await accepts(turn);
      await replica.close();
    },
  );

  it("approval: a granted tool finishes, and its agent says no more", async () => {
    const prompt = "approval after its tools";
    const { id, probe, call } = probeCall(prompt);
    const turn = await begin(flow, shapeOf("approval"), prompt, { agent: [{ text: ["May I?"], calls: [call] }, half] });
    await turn.live.ended;
    const live = send(flow.client, turn.threadId, "", { graph: "approval", resume: "yes" });
    await probe.started.opened;
    const { replica, answer } = await askAfterStep(turn);
    probe.answer(`result of ${id}`);
    const { body } = await answer;
    await live.ended;
    expect(body.outcome).toBe("stopped");
    const left = await lookAt(flow, turn, how, body);
    expect(left.filter(isTool).map(({ content }) => content)).toEqual([`result of ${id}`]);
    await accepts(turn);
    await replica.close();
  });
});

describe.concurrent("while the step is waited for", () => {
  /** A turn whose draft is held, and so will be its review. */
  async function story(prompt: string): Promise<Turn> {
    const turn = await begin(flow, shapeOf("pipeline"), prompt, { draft: [half], review: [half] });
    await (await turn.scripts.get("draft")?.call(0))?.held.opened;
    return turn;
  }

  it.each(["the same replica", "another one"])("a Stop at once, through %s, takes over", async (through) => {
    const turn = await story(`taken over through ${through}`);
    const { replica, answer } = await askAfterStep(turn);
    const { body } = await stop(through === "another one" ? flow.proxy.url : replica.url, turn.threadId);
    expect(body).toMatchObject({ outcome: "stopped", kept: [{ content: "Half of it" }] });
    expect((await answer).body).toEqual(body);
    await turn.live.ended;
    expect(spoken(await lookAt(flow, turn, how, body))).toEqual(["Half of it"]);
    await accepts(turn);
    await replica.close();
  });

  it.each(["the same replica", "another one"])(
    "the turn is undone through %s: who waited hears of it",
    async (through) => {
      const turn = await story(`undone through ${through} meanwhile`);
      const { replica, answer } = await askAfterStep(turn);
      const undo = { action: "rollback", keep: "nothing" } as const;
      const { body } = await stop(through === "another one" ? flow.proxy.url : replica.url, turn.threadId, undo);
      const waited = await answer;
      expect(waited).toMatchObject({ status: 200, body: { outcome: "stopped", run_ids: body.run_ids, kept: [] } });
      await turn.live.ended;
      await lookAt(flow, turn, undo, body);
      await accepts(turn);
      await replica.close();
    },
  );

  it("nobody else is held: the thread is read, and a run is queued, which has its turn", async () => {
    const turn = await story("read and queued meanwhile");
    const { replica, answer } = await askAfterStep(turn);
    const through = sdk(replica.url);
    const { values } = await through.threads.getState(turn.threadId);
    expect(JSON.stringify(values)).toContain("read and queued meanwhile");
    flow.model.script("its own turn", { text: ["It's my turn."] });
    const later = { graph: "pipeline", multitaskStrategy: "enqueue" } as const;
    const queued = send(through, turn.threadId, "its own turn", later);
    await queued.runId;
    await waits(replica, 1);
    await release(turn, "draft");
    expect((await answer).body.run_ids).toEqual([await turn.live.runId]);
    await queued.ended;
    const messages = await conversation(flow.client, turn.threadId);
    expect(messages.map(({ content }) => textOf(content))).toContain(whole);
    expect(textOf(messages.at(-1)?.content)).toBe("It's my turn.");
    await replica.close();
  });

  it("what was queued before is taken out at once, and stands in the thread", async () => {
    const turn = await story("with a queue behind");
    const script = flow.model.script("queued behind", { text: ["Never said."] });
    const later = { graph: "pipeline", multitaskStrategy: "enqueue" } as const;
    const queued = send(flow.client, turn.threadId, "queued behind", later);
    const queuedId = await queued.runId;
    const { replica, answer } = await askAfterStep(turn);
    expect((await flow.direct.runs.get(turn.threadId, queuedId)).status).toBe("interrupted");
    await release(turn, "draft");
    const { body } = await answer;
    await Promise.all([turn.live.ended, queued.ended]);
    expect(body).toMatchObject({ outcome: "stopped", run_ids: [await turn.live.runId, queuedId] });
    const left = await lookAt(flow, turn, how, body, [turn.prompt, "queued behind"]);
    expect(spoken(left)[0]).toBe(whole);
    expect(script.calls).toHaveLength(0);
    await accepts(turn);
    await replica.close();
  });

  it("of a run that only waits, it is taken out at once: it has no step that runs", async () => {
    const turn = await story("one that waits");
    const script = flow.model.script("waits", { text: ["Never said."] });
    const later = { graph: "pipeline", multitaskStrategy: "enqueue" } as const;
    const queued = send(flow.client, turn.threadId, "waits", later);
    const wish = { when: "after-step", run_id: await queued.runId };
    const { body } = await stop(flow.proxy.url, turn.threadId, wish);
    expect(body.run_ids).toEqual([await queued.runId]);
    expect((await flow.direct.runs.get(turn.threadId, await queued.runId)).status).toBe("interrupted");
    await release(turn, "draft");
    await (await turn.scripts.get("review")?.call(0))?.held.opened;
    await release(turn, "review");
    await Promise.all([turn.live.ended, queued.ended]);
    expect(script.calls).toHaveLength(0);
    expect((await flow.client.runs.get(turn.threadId, await turn.live.runId)).status).toBe("success");
  });

  it("whoever asked may leave: it is stopped all the same", async () => {
    const turn = await story("left alone");
    const leave = new AbortController();
    const { replica, answer } = await askAfterStep(turn);
    const gaveUp = fetch(`${replica.url}/threads/${turn.threadId}/stop`, {
      method: "POST",
      body: JSON.stringify({ when: "after-step" }),
      signal: leave.signal,
    });
    await waits(replica, 2);
    leave.abort();
    await expect(gaveUp).rejects.toThrow();
    await release(turn, "draft");
    await answer;
    await waits(replica, 0);
    await turn.live.ended;
    expect((await flow.client.runs.get(turn.threadId, await turn.live.runId)).status).toBe("interrupted");
    expect(spoken(await lookAt(flow, turn, how, {}))[0]).toBe(whole);
    await replica.close();
  });

  it("the run comes to its end: finished, and nothing is marked", async () => {
    const turn = await beginHeld(flow, shapeOf("react"), 0, "its last step", half);
    const { replica, answer } = await askAfterStep(turn);
    await release(turn, "agent");
    expect((await answer).body).toMatchObject({ outcome: "finished", kept: [], tool_calls: [] });
    await turn.live.ended;
    expect(spoken(await lookAt(flow, turn, how, {}))).toEqual([whole]);
    await replica.close();
  });

  it("a replica that is closed says so, and another one can be asked", async () => {
    const turn = await story("closed meanwhile");
    const { replica, answer } = await askAfterStep(turn);
    const closed = replica.close(5000);
    expect(await answer).toMatchObject({ status: 503, body: { error: "closing" } });
    await closed;
    const again = await askAfterStep(turn);
    await release(turn, "draft");
    expect((await again.answer).body.outcome).toBe("stopped");
    await turn.live.ended;
    expect(spoken(await lookAt(flow, turn, how, {}))[0]).toBe(whole);
    await again.replica.close();
  });
});

it("keeps nothing of a step that has begun, if nothing is to be kept", async () => {
  const turn = await begin(flow, shapeOf("pipeline"), "nothing of the next", { draft: [half], review: [half] });
  await (await turn.scripts.get("draft")?.call(0))?.held.opened;
  const { replica, answer } = await askAfterStep(turn, { keep: "nothing" });
  await release(turn, "draft");
  const { body } = await answer;
  await turn.live.ended;
  expect(body).toMatchObject({ outcome: "stopped", kept: [] });
  expect(spoken(await lookAt(flow, turn, how, body))).toEqual([whole]);
  await replica.close();
});
