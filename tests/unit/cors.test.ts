import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readSettings } from "../../proxy/env.ts";
import type { Listening } from "../../proxy/listen.ts";
import { startProxy } from "../helpers/proxy.ts";

const studio = "https://smith.langchain.com";
const stop = "/threads/6f0b3a4e-9c1d-4e57-8a54-2f6d3c1b0a99/stop";

/** Lets one origin read, as a deployment with `http.cors` of its own; what it was asked is kept. */
const asked: { method?: string; headers: Record<string, unknown> }[] = [];
const server = createServer(({ method, url, headers }, response) => {
  asked.push({ method, headers });
  if (headers.origin === studio) response.setHeader("access-control-allow-origin", studio);
  if (headers.origin === studio) response.setHeader("access-control-allow-credentials", "true");
  response.setHeader("access-control-expose-headers", "x-own, Content-Location");
  response.setHeader("content-type", "application/json");
  response.statusCode = method === "OPTIONS" ? 204 : 200;
  response.end(method === "OPTIONS" ? undefined : /\/runs(\?|$)/.test(url ?? "") ? "[]" : "{}");
});
let upstream = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(() => void asked.splice(0));

let proxy: Listening;
afterEach(() => proxy.close());

/** The access-control headers of an answer, without the prefix. */
async function shared(path: string, method: string, headers: Record<string, string>) {
  const answer = await fetch(proxy.url + path, { method, headers });
  await answer.text();
  const named = [...answer.headers].filter(([name]) => name.startsWith("access-control-"));
  const short = named.map(([name, value]) => [name.replace("access-control-", ""), value]);
  return { status: answer.status, vary: answer.headers.get("vary"), ...Object.fromEntries(short) };
}

const preflight = (origin: string) => ({
  origin,
  "access-control-request-method": "POST",
  "access-control-request-headers": "content-type,x-auth-scheme",
  "access-control-request-private-network": "true",
});

const all = "x-own, Content-Location, location, x-pagination-total, x-pagination-next";

describe("as the server answers", () => {
  beforeEach(async () => {
    proxy = await startProxy(upstream);
  });

  it("a preflight is the server's, but for the private network, of which it doesn't hear", async () => {
    const answer = await shared("/threads", "OPTIONS", preflight(studio));
    expect(answer).toMatchObject({ status: 204, "allow-origin": studio, "allow-private-network": "true" });
    expect(asked.map(({ headers }) => headers["access-control-request-private-network"])).toEqual([undefined]);
    const refused = await shared("/threads", "OPTIONS", preflight("https://evil.example.com"));
    expect(refused).not.toHaveProperty("allow-origin");
    expect(refused).not.toHaveProperty("allow-private-network");
  });

  it.each([
    ["passed on", "GET", "/threads/x"],
    ["the proxy's own", "POST", stop],
    ["an error of the proxy's own", "POST", "/threads/nonsense/stop"],
  ])("an answer that is %s is as open as the server's, and no opener", async (_, method, path) => {
    const answer = await shared(path, method, { origin: studio });
    expect(answer).toMatchObject({ "allow-origin": studio, "allow-credentials": "true", "expose-headers": all });
    expect(answer).not.toHaveProperty("allow-private-network");
    expect(await shared(path, method, { origin: "https://evil.example.com" })).not.toHaveProperty("allow-origin");
  });
});

describe("with CORS_ORIGINS", () => {
  const mine = "https://app.example.com";

  it("the proxy decides, whatever the server says", async () => {
    proxy = await startProxy(upstream, { CORS_ORIGINS: `${mine}, https://other.example.com` });
    for (const [path, method] of [
      ["/threads/x", "GET"],
      [stop, "POST"],
    ] as const) {
      const answer = await shared(path, method, { origin: mine });
      expect(answer).toMatchObject({ "allow-origin": mine, "allow-credentials": "true", vary: "Origin" });
      expect(answer["expose-headers"]).toContain("x-pagination-next");
      const refused = await shared(path, method, { origin: studio });
      expect(refused).toMatchObject({ status: 200, vary: "Origin" });
      expect(refused).not.toHaveProperty("allow-origin");
      expect(refused).not.toHaveProperty("allow-credentials");
    }
  });

  it("it answers preflights itself", async () => {
    proxy = await startProxy(upstream, { CORS_ORIGINS: mine });
    const answer = await shared("/threads", "OPTIONS", preflight(mine));
    expect(answer).toMatchObject({
      status: 204,
      "allow-origin": mine,
      "allow-headers": "content-type,x-auth-scheme",
      "allow-private-network": "true",
    });
    expect(answer["allow-methods"]).toContain("PATCH");
    expect(await shared("/threads", "OPTIONS", preflight(studio))).not.toHaveProperty("allow-origin");
    expect(asked).toEqual([]);
  });

  it("* is everybody, without credentials", async () => {
    proxy = await startProxy(upstream, { CORS_ORIGINS: "*" });
    const answer = await shared("/threads/x", "GET", { origin: studio });
    expect(answer).toMatchObject({ "allow-origin": "*", vary: null });
    expect(answer).not.toHaveProperty("allow-credentials");
  });
});

it.each(["app.example.com", "https://app.example.com/", "https://a.example.com,", "null"])(
  "CORS_ORIGINS=%s is refused by name",
  async (origins) => {
    proxy = await startProxy(upstream);
    expect(() => readSettings({ CORS_ORIGINS: origins })).toThrow("CORS_ORIGINS must be origins");
  },
);
