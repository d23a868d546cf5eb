import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { type FakeUpstream, startFakeUpstream } from "../helpers/fake-upstream.ts";
import { startProxy } from "../helpers/proxy.ts";
import { rawRequest } from "../helpers/raw-request.ts";

const [thread, run] = [`/threads/${randomUUID()}`, randomUUID()];

/** The ways through the proxy: calls that it makes itself, a stream, what it passes on, an upgrade. */
const ways = [
  { name: "a stop", method: "POST", path: `${thread}/stop` },
  { name: "a cancel", method: "POST", path: `${thread}/runs/${run}/cancel` },
  { name: "a stream", method: "POST", path: `${thread}/runs/stream` },
  { name: "a background run", method: "POST", path: `${thread}/runs` },
  { name: "a join", method: "GET", path: `${thread}/runs/${run}/stream` },
  { name: "what is passed on", method: "GET", path: `${thread}/state` },
  { name: "a WebSocket", method: "GET", path: `${thread}/stream/events`, upgrade: true },
];

type Header = [name: string, value: string];
type Way = (typeof ways)[number];

const handshake: Header[] = [
  ["connection", "Upgrade"],
  ["upgrade", "websocket"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", "c3RyYW5nZXJzIGF0IGRvb3I="],
];

let upstream: FakeUpstream;
let proxy: Listening;
let keyed: Listening;

beforeAll(async () => {
  vi.stubEnv("LANGSMITH_API_KEY", "from-the-environment");
  vi.stubEnv("LANGGRAPH_API_KEY", "from-the-environment");
  vi.stubEnv("LANGCHAIN_API_KEY", "from-the-environment");
  upstream = await startFakeUpstream();
  proxy = await startProxy(upstream.url);
  keyed = await startProxy(upstream.url, { LANGGRAPH_API_KEY: "the deployment's" });
  // What kind of server it is, the proxy asks once and in its own name.
  await Promise.all([proxy, keyed].map(({ url }) => fetch(`${url}/-/ready`)));
  upstream.requests.length = 0;
});

afterEach(() => {
  upstream.requests.length = 0;
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([proxy.close(), keyed.close()]);
  await upstream.close();
});

/** Sends the headers this way; what reached the server of each name. */
async function arrived(through: Listening, { upgrade, ...way }: Way, headers: Header[], ...names: string[]) {
  await rawRequest(through.url, { ...way, headers: [...(upgrade ? handshake : []), ...headers] });
  const seen = upstream.requests.map((request) => names.map((name) => request.headers[name]));
  expect(seen.length).toBeGreaterThan(0);
  for (const one of seen) expect(one).toEqual(seen[0]);
  return seen[0];
}

describe.each(ways)("$name", (way) => {
  it("carries the caller's credentials as they came, whatever the environment says", async () => {
    const headers: Header[] = [
      ["Authorization", "Bearer alice"],
      ["X-Api-Key", "alice's"],
      ["Cookie", "session=alice; theme=dark"],
    ];
    const seen = await arrived(proxy, way, headers, "authorization", "x-api-key", "cookie");
    expect(seen).toEqual(["Bearer alice", "alice's", "session=alice; theme=dark"]);
  });

  it("carries none for a caller who brings none", async () => {
    expect(await arrived(proxy, way, [], "authorization", "x-api-key", "cookie")).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("carries the deployment's key for that caller alone", async () => {
    expect(await arrived(keyed, way, [], "x-api-key")).toEqual(["the deployment's"]);
    upstream.requests.length = 0;
    expect(await arrived(keyed, way, [["x-api-key", "bob's"]], "x-api-key")).toEqual(["bob's"]);
    for (const own of [
      ["authorization", "Bearer bob"],
      ["cookie", "session=bob"],
    ] as Header[]) {
      upstream.requests.length = 0;
      expect(await arrived(keyed, way, [own], own[0], "x-api-key")).toEqual([own[1], undefined]);
    }
  });

  it("makes nobody a Studio user", async () => {
    const headers: Header[] = [
      ["X-Auth-Scheme", "langsmith"],
      ["x-api-key", "bob's"],
    ];
    expect(await arrived(proxy, way, headers, "x-auth-scheme", "x-api-key")).toEqual([undefined, "bob's"]);
  });

  it.each([
    ["authorization", "Authorization", "Bearer alice", "Bearer bob"],
    ["authorization", "authorization", "Bearer alice", "Bearer alice"],
    ["x-api-key", "X-API-Key", "alice's", "bob's"],
  ])("with two of %s (%s) is 400 and reaches nobody", async (field, name, first, second) => {
    const { upgrade, ...rest } = way;
    const headers: Header[] = [...(upgrade ? handshake : []), [field, first], ["accept", "*/*"], [name, second]];
    const answer = await rawRequest(proxy.url, { ...rest, headers });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toEqual({
      error: "bad_request",
      message: `The header ${field} came more than once.`,
      field,
    });
    expect(upstream.requests).toEqual([]);
  });
});
