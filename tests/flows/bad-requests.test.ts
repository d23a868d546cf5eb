import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { afterEach, describe, expect, inject, it } from "vitest";
import { conversation, outline, send, useFlow } from "../helpers/flow.ts";

const flow = useFlow();
const langgraphUrl = inject("langgraphUrl");

const post = (path: string, body: string) =>
  fetch(flow.proxy.url + path, { method: "POST", headers: { "content-type": "application/json" }, body });

afterEach(async () => {
  expect((await fetch(`${flow.proxy.url}/-/healthy`)).status).toBe(200);
});

/** A thread with one finished turn. */
async function threadWithTurn() {
  const { thread_id: threadId } = await flow.client.threads.create();
  flow.model.script("hello", { text: ["Hi."] });
  await send(flow.client, threadId, "hello").ended;
  return { threadId, before: await flow.client.threads.getState(threadId) };
}

describe("a stop that makes no sense", () => {
  it.each([
    ['{"action":"explode"}', "action"],
    ['{"keep":1}', "keep"],
    ['{"run_id":"not-a-uuid"}', "run_id"],
    ['{"colour":"red"}', "colour"],
    ["[]", "body"],
    ["{nonsense", "body"],
  ])("%s is 400 and names %s", async (body, field) => {
    const { threadId, before } = await threadWithTurn();
    const answer = await post(`/threads/${threadId}/stop`, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: "bad_request", field, message: expect.stringContaining(field) });
    expect(await flow.client.threads.getState(threadId)).toEqual(before);
  });

  it("a thread id that is none is 400, an unknown thread is the server's own 404", async () => {
    const malformed = await post("/threads/nonsense/stop", "");
    expect(malformed.status).toBe(400);
    expect(await malformed.json()).toMatchObject({ field: "thread_id" });
    const unknown = randomUUID();
    const direct = await fetch(`${langgraphUrl}/threads/${unknown}`);
    const answer = await post(`/threads/${unknown}/stop`, "");
    expect(answer.status).toBe(404);
    expect(await answer.text()).toBe(await direct.text());
  });

  it("an unknown run is the server's own 404, by stop and by cancel", async () => {
    const { threadId } = await threadWithTurn();
    const runId = randomUUID();
    const direct = await (await fetch(`${langgraphUrl}/threads/${threadId}/runs/${runId}`)).text();
    for (const path of ["stop", `runs/${runId}/cancel`]) {
      const answer = await post(`/threads/${threadId}/${path}`, path === "stop" ? `{"run_id":"${runId}"}` : "");
      expect(answer.status).toBe(404);
      expect(await answer.text()).toBe(direct);
    }
  });
});

describe("a run that makes no sense", () => {
  it.each([
    '{"assistant_id":5}',
    "{nonsense",
    '{"assistant_id":"no_such_graph","input":{}}',
    '{"assistant_id":"agent","input":{},"on_disconnect":"explode"}',
  ])("%s gets the server's own answer", async (body) => {
    const { threadId, before } = await threadWithTurn();
    const answer = await post(`/threads/${threadId}/runs/stream`, body);
    const direct = await fetch(`${langgraphUrl}/threads/${threadId}/runs/stream`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect(direct.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBe(direct.status);
    expect(await answer.text()).toBe(await direct.text());
    expect(answer.headers.get("content-type")).toBe(direct.headers.get("content-type"));
    expect(await flow.client.threads.getState(threadId)).toEqual(before);
  });

  it("a body over the limit is 413, whether or not it says its length", async () => {
    const { threadId, before } = await threadWithTurn();
    const large = JSON.stringify({ padding: "x".repeat(70 * 1024) });
    const answer = await post(`/threads/${threadId}/stop`, large);
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ error: "body_too_large", field: "body" });
    expect(await chunked(`/threads/${threadId}/stop`, large)).toBe(413);
    expect(await chunked(`/threads/${threadId}/runs/stream`, "x".repeat(65 * 1024 * 1024))).toBe(413);
    expect(await flow.client.threads.getState(threadId)).toEqual(before);
    flow.model.script("still there?", { text: ["Yes."] });
    await send(flow.client, threadId, "still there?").ended;
    expect(outline(await conversation(flow.client, threadId)).at(-1)).toBe("ai: Yes.");
  });
});

/** Posts without a `content-length`; the status, even if the server stops reading. */
function chunked(path: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(flow.proxy.url + path, { method: "POST" }, (answer) => {
      resolve(answer.statusCode ?? 0);
      answer.resume();
      sent.destroy();
    });
    sent.on("error", reject);
    for (let at = 0; at < body.length; at += 65536) sent.write(body.slice(at, at + 65536));
    sent.end();
  });
}
