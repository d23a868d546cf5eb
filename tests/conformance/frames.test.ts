import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";
import { madeEven } from "./differences.ts";
import type { Exchange } from "./exchange.ts";
import { normaliser } from "./normal.ts";
import { raw } from "./raw.ts";

const flow = useFlow();
const server = inject("server");
const langgraphUrl = inject("langgraphUrl");
/** Every client says what it is; where none does, `fetch` does. */
const headers = { "content-type": "application/json", "user-agent": "a client" };
let other: Listening;
let withToolEvents: Listening;

beforeAll(async () => {
  other = await startProxy(langgraphUrl);
  withToolEvents = await startProxy(langgraphUrl, { TOOL_EVENTS: "on" });
});
afterAll(async () => {
  await other.close();
  await withToolEvents.close();
});

/** What clients ask for: each mode alone, and those that pages ask for together. */
const combinations = [
  ["values"],
  ["updates"],
  ["messages"],
  ["messages-tuple"],
  ["custom"],
  ["tasks"],
  ["checkpoints"],
  ["debug"],
  ["events"],
  ...(server === "js" ? [["tools"], ["messages-tuple", "tools"]] : []),
  ["values", "messages-tuple"],
  ["values", "messages-tuple", "custom"],
  ["values", "updates", "messages-tuple"],
  ["values", "messages"],
  ["messages", "updates", "events"],
  ["values", "updates", "messages-tuple", "custom", "tasks", "checkpoints"],
];

/** A turn of an agent that has a tool, within a subgraph, and of a writer after it: its stream as it comes at `base`, and as it is read again at `later`. */
async function turn(base: string, later: string, streamMode: string[], streamSubgraphs: boolean): Promise<Exchange[]> {
  const prompt = randomUUID();
  const calls = [{ id: `call_${prompt}`, name: "probe", args: ['{"name":', `"${prompt}"}`] }];
  flow.model.script(`agent: ${prompt}`, { text: ["Let me ", "ask."], calls }, { text: ["It is ", "so."] });
  flow.model.script(`writer: ${prompt}`, { text: ["Written ", "down."] });
  flow.model.probe(prompt, "so it is");
  const { thread_id: threadId } = await flow.direct.threads.create();
  const live = await raw(base, {
    method: "POST",
    path: `/threads/${threadId}/runs/stream`,
    headers,
    body: JSON.stringify({
      assistant_id: "nested",
      input: { messages: [{ role: "user", content: prompt }] },
      stream_mode: streamMode,
      stream_subgraphs: streamSubgraphs,
      stream_resumable: true,
    }),
  });
  const path = `${live.headers["content-location"]}/stream`;
  return [live, await raw(later, { path, headers: { ...headers, "last-event-id": "-1" } })];
}

/** The frames, less what the moment makes. Where tokens are streamed, the JS server names messages that have no id sooner, and otherwise. */
const frames = (exchanges: Exchange[]) => {
  const named = normaliser([]);
  const ids = server === "js" ? /"id":"[^"]+",?/g : /^$/;
  return madeEven(exchanges).map(({ status, body }) => ({
    status,
    frames: body
      .replace(ids, "")
      .split(/\r?\n\r?\n/)
      .map(named),
  }));
};

describe.concurrent.each(combinations.map((modes) => ({ modes, name: modes.join(", ") })))("$name", ({ modes }) => {
  it.each([false, true])(
    "frames are the server's own, live and through another replica; subgraphs: %s",
    async (deep) => {
      const [direct = [], ...through] = await Promise.all([
        turn(langgraphUrl, langgraphUrl, modes, deep),
        turn(flow.proxy.url, other.url, modes, deep),
        turn(withToolEvents.url, other.url, modes, deep),
      ]);
      expect(direct.map(({ status }) => status)).toEqual([200, 200]);
      for (const exchanges of through) expect(frames(exchanges)).toEqual(frames(direct));
    },
  );
});
