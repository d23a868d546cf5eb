import { describe, expect, inject, it } from "vitest";
import { conversation, outline, send, useFlow } from "../helpers/flow.ts";

const flow = useFlow();
const isPython = () => inject("server") === "python";

async function inMidText(prompt: string) {
  const { thread_id: threadId } = await flow.client.threads.create();
  const script = flow.model.script(prompt, { text: ["Once ", "upon ", "a ", "time."], holdAfter: 2 });
  const live = send(flow.client, threadId, prompt, { graph: "react" });
  const call = await script.call(0);
  await call.held.opened;
  await live.showed("upon ");
  return { threadId, live, call, runId: await live.runId };
}

const cancel = async (base: string, body: object, query = "") => {
  const answer = await fetch(`${base}/runs/cancel${query}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.text() };
};

describe("POST /runs/cancel", () => {
  it.each(["interrupt", "rollback"])("keeps what the runs of a thread had said: %s", async (action) => {
    const text = `many ${action}`;
    const { threadId, live, call, runId } = await inMidText(text);
    const queued = send(flow.client, threadId, `queued ${text}`, { graph: "react", multitaskStrategy: "enqueue" });
    const body = { thread_id: threadId, run_ids: [runId, await queued.runId] };
    const answer = await cancel(flow.proxy.url, body, `?action=${action}`);
    if (isPython()) expect(answer).toEqual({ status: 204, body: "" });
    else {
      expect(answer).toEqual(await cancel(inject("langgraphUrl"), body));
      expect(answer.status).toBe(404);
      await cancel(flow.proxy.url, body);
      for (const id of body.run_ids.reverse()) await flow.client.runs.cancel(threadId, id);
    }
    await Promise.all([live.ended, queued.ended]);
    expect((await call.closed.opened).early).toBe(true);
    expect(outline(await conversation(flow.client, threadId)).slice(0, 2)).toEqual([`human: ${text}`, "ai: Once upon"]);
  });

  it("by status: keeps what the runs of all threads had said", async () => {
    const turns = await Promise.all(["all one", "all two"].map(inMidText));
    if (isPython()) expect((await cancel(flow.proxy.url, { status: "running" })).status).toBe(204);
    else for (const { threadId, runId } of turns) await flow.client.runs.cancel(threadId, runId);
    for (const { threadId, live } of turns) {
      await live.ended;
      expect(outline(await conversation(flow.client, threadId))[1]).toBe("ai: Once upon");
    }
  });

  it("answers as the server where there is nothing to stop, or nothing sensible is asked", async () => {
    const { thread_id } = await flow.client.threads.create();
    const nobody = "00000000-0000-4000-8000-000000000000";
    for (const [body, status] of [
      [{ thread_id, run_ids: [nobody] }, 404],
      [{ status: "all" }, 404],
      [{ status: "pending", thread_id }, 422],
      [{ status: "nonsense" }, 422],
      [{ thread_id: "nonsense", run_ids: [] }, 422],
    ] as const) {
      const answer = await cancel(flow.proxy.url, body);
      expect({ body, answer }).toEqual({ body, answer: await cancel(inject("langgraphUrl"), body) });
      expect(answer.status).toBe(isPython() ? status : 404);
    }
  });
});
