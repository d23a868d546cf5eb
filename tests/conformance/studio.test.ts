import { randomUUID } from "node:crypto";
import { expect, inject, it } from "vitest";
import { useFlow } from "../helpers/flow.ts";
import { raw } from "./raw.ts";

const flow = useFlow();
const origin = "https://smith.langchain.com";
const json = { "content-type": "application/json" };
const id = randomUUID();

/** What Studio asks of its base URL, and the proxy's own route. */
const asked: [method: string, path: string][] = [
  ["GET", "/info"],
  ["POST", "/assistants/search"],
  ["GET", `/assistants/${id}/graph`],
  ["GET", `/assistants/${id}/schemas`],
  ["POST", "/threads"],
  ["POST", "/threads/search"],
  ["PATCH", `/threads/${id}`],
  ["DELETE", `/threads/${id}`],
  ["POST", `/threads/${id}/history`],
  ["POST", `/threads/${id}/state`],
  ["POST", `/threads/${id}/runs/stream`],
  ["GET", `/threads/${id}/runs/${id}/stream`],
  ["POST", `/threads/${id}/runs/${id}/cancel`],
  ["POST", `/threads/${id}/commands`],
  ["PUT", "/store/items"],
  ["POST", `/threads/${id}/stop`],
];

it.each(asked)("a page of Studio's may %s %s on this machine", async (method, path) => {
  const { status, headers } = await raw(flow.proxy.url, {
    method: "OPTIONS",
    path,
    headers: {
      origin,
      "access-control-request-method": method,
      "access-control-request-headers": "content-type,x-auth-scheme,x-api-key",
      "access-control-request-private-network": "true",
    },
  });
  expect([200, 204]).toContain(status);
  expect(["*", origin]).toContain(headers["access-control-allow-origin"]);
  expect(headers["access-control-allow-private-network"]).toBe("true");
  expect(headers["access-control-allow-methods"]).toContain(method);
  expect(headers["access-control-allow-headers"]).toMatch(/content-type.*x-auth-scheme.*x-api-key/);
});

it.each([
  ["an answer of the server's", "POST", "/threads/search", "{}"],
  ["a stream", "POST", "/threads/:id/runs/stream", '{"assistant_id":"react","input":{"messages":[]}}'],
  ["a stop", "POST", "/threads/:id/stop", "{}"],
  ["an error of the proxy's own", "POST", "/threads/nonsense/stop", "{}"],
  ["the server's error to what the proxy asked", "POST", `/threads/${id}/stop`, "{}"],
])("and reads %s with its headers", async (_, method, path, body) => {
  flow.model.improvise = () => ({ text: ["Hello."] });
  const { thread_id: threadId } = await flow.direct.threads.create();
  const answer = await raw(flow.proxy.url, {
    method,
    path: path.replace(":id", threadId),
    headers: { ...json, origin },
    body,
  });
  expect(answer.headers["access-control-allow-origin"]).toBe("*");
  const exposed = answer.headers["access-control-expose-headers"]?.split(/, ?/).sort();
  expect(exposed).toEqual(["content-location", "location", "x-pagination-next", "x-pagination-total"]);
  if (path.endsWith("/runs/stream")) {
    const { "content-location": run, location } = answer.headers;
    expect(run).toMatch(new RegExp(`^/threads/${threadId}/runs/`));
    expect(location).toBe(inject("server") === "python" ? `${run}/stream` : undefined);
  }
});
