import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createApp } from "../../proxy/app.ts";
import { readSettings } from "../../proxy/env.ts";
import { type Listening, listen } from "../../proxy/listen.ts";
import { freePort } from "../../scripts/free-port.ts";

let proxy: Listening;

beforeAll(async () => {
  const upstream = `http://127.0.0.1:${await freePort()}`;
  const settings = readSettings({ LANGGRAPH_API_URL: upstream, PORT: "0", LOG_LEVEL: "silent" });
  proxy = await listen(createApp(settings, pino({ level: "silent" })), settings.host, settings.port);
});

afterAll(() => proxy.close());

describe("without a reachable LangGraph server", () => {
  it("is healthy, but not ready", async () => {
    expect((await fetch(`${proxy.url}/-/healthy`)).status).toBe(200);
    const ready = await fetch(`${proxy.url}/-/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ message: expect.stringContaining("ECONNREFUSED") });
  });

  const thread = `/threads/${randomUUID()}`;
  it.each([
    ["GET", "/info"],
    ["POST", "/threads"],
    ["GET", `${thread}/state`],
    ["POST", `${thread}/runs/stream`],
    ["POST", `${thread}/runs`],
    ["POST", `${thread}/runs/wait`],
    ["GET", `${thread}/runs/${randomUUID()}/stream`],
    ["POST", `${thread}/runs/${randomUUID()}/cancel`],
    ["POST", `${thread}/stop`],
  ])("answers %s %s with 502 and the cause", async (method, path) => {
    const body = method === "POST" ? '{"assistant_id":"agent"}' : undefined;
    const wish = path.endsWith("/stop") ? "{}" : body;
    const answer = await fetch(proxy.url + path, {
      method,
      body: wish,
      headers: { "content-type": "application/json", origin: "https://app.example.com" },
    });
    expect(answer.status).toBe(502);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    const error = (await answer.json()) as { error: string; message: string };
    expect(error.error).toBe("upstream_unreachable");
    expect(error.message).toMatch(/^The LangGraph server did not answer (GET|POST) \/.*ECONNREFUSED/);
    expect(error.message).not.toContain("    at ");
  });
});
