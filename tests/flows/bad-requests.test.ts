import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { afterEach, describe, expect, inject, it } from "vitest";
import { conversation, outline, send, useFlow } from "../helpers/flow.ts";
import { openV2Socket } from "../helpers/v2-socket.ts";

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

describe("a run that is to be driven step by step, where none is", () => {
  const run = { assistant_id: "agent", input: { messages: [{ role: "user", content: "never" }] } };
  const stepwise = { ...run, metadata: { stepwise: true } };
  const refused = {
    error: "bad_request",
    field: "metadata",
    message: expect.stringContaining("/threads/:thread_id/runs"),
  };

  it.each([
    ["/runs", stepwise],
    ["/runs/stream", stepwise],
    ["/runs/wait", stepwise],
    ["/runs/batch", [run, stepwise]],
    ["/runs/crons", { ...stepwise, schedule: "0 0 1 1 *" }],
    ["/threads/:t/runs/crons", { ...stepwise, schedule: "0 0 1 1 *" }],
    ["/threads/:t/commands", { id: 1, method: "run.start", params: stepwise }],
  ])("%s is 400, and starts nothing", async (path, body) => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const answer = await post(path.replace(":t", threadId), JSON.stringify(body));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual(refused);
    expect(await flow.direct.runs.list(threadId)).toEqual([]);
  });

  it("a socket says so, too", async () => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const socket = await openV2Socket(flow.proxy.url, threadId);
    expect(await socket.ask("run.start", stepwise)).toMatchObject({ type: "error", error: "bad_request" });
    expect(await flow.direct.runs.list(threadId)).toEqual([]);
    socket.close();
  });

  it("all else about runs without a thread is the server's", async () => {
    flow.model.script("without a thread", { text: ["Gladly."] });
    const body = { ...run, input: { messages: [{ role: "user", content: "without a thread" }] } };
    const answer = await post("/runs/wait", JSON.stringify({ ...body, metadata: { stepwise: false } }));
    expect(answer.status).toBe(200);
    expect(JSON.stringify(await answer.json())).toContain("Gladly.");
    const malformed = await post("/runs/stream", '{"stepwise"');
    const direct = await fetch(`${langgraphUrl}/runs/stream`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"stepwise"',
    });
    expect([malformed.status, await malformed.text()]).toEqual([direct.status, await direct.text()]);
  });
});

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

  it.each([
    [{ scope: "thread", run_id: randomUUID() }, "scope", "run_id"],
    [{ dismiss: true, run_id: randomUUID() }, "dismiss", "run_id"],
    [{ dismiss: true, scope: "run" }, "dismiss", "scope"],
    [{ dismiss: true, when: "after-step" }, "dismiss", "when"],
    [{ dismiss: true, action: "rollback" }, "dismiss", "action"],
    [{ when: "after-step", action: "rollback" }, "when", "action"],
  ])("%j is 400 and names %s and %s", async (body, field, other) => {
    const { threadId, before } = await threadWithTurn();
    const answer = await post(`/threads/${threadId}/stop`, JSON.stringify(body));
    expect(answer.status).toBe(400);
    const contradiction = expect.stringMatching(new RegExp(`^${field}: .* contradicts ${other}: `));
    expect(await answer.json()).toEqual({ error: "bad_request", field, message: contradiction });
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

  it("an unknown run is the server's own 404, by stop and by cancel (case 2)", async () => {
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
