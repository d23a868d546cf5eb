import { afterAll, beforeAll, expect, inject, it } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { send, useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";

const flow = useFlow();
let other: Listening;

beforeAll(async () => {
  other = await startProxy(inject("langgraphUrl"));
});
afterAll(() => other.close());

/** Reads a thread's stream until so many runs are done; the events of each. */
async function events(base: string, threadId: string, runs: number, lastEventId?: string): Promise<string[][]> {
  const leave = new AbortController();
  const headers: Record<string, string> = lastEventId ? { "last-event-id": lastEventId } : {};
  const answer = await fetch(`${base}/threads/${threadId}/stream`, { headers, signal: leave.signal });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if ((text.match(/run_done/g) ?? []).length >= runs) break;
  }
  leave.abort();
  const seen: string[][] = [[]];
  for (const frame of text.split(/\r?\n\r?\n/)) {
    const event = /^event: (.*)$/m.exec(frame)?.[1]?.trim();
    if (frame.includes("run_done")) seen.push([]);
    else if (event && event !== "metadata") seen.at(-1)?.push(event);
  }
  return seen.slice(0, runs);
}

it("shows of each run what it was asked for, through the replica that made it and another, live and again", async () => {
  const { thread_id: threadId } = await flow.client.threads.create();
  const streams = [flow.proxy.url, other.url].map((base) => fetch(`${base}/threads/${threadId}/stream`));
  if (inject("server") === "js") {
    const direct = await fetch(`${inject("langgraphUrl")}/threads/${threadId}/stream`);
    for (const stream of streams) {
      expect((await stream).status).toBe(404);
      expect(await (await stream).text()).toBe(await direct.clone().text());
    }
    return;
  }
  for (const stream of streams) await (await stream).body?.cancel();
  const live = [flow.proxy.url, other.url].map((base) => events(base, threadId, 3));
  const asked = [["values"], ["values", "messages-tuple"], ["messages"]] as const;
  for (const [nth, streamMode] of asked.entries()) {
    flow.model.script(`turn ${nth}`, { text: ["Of ", "many ", "words."] });
    await send(flow.client, threadId, `turn ${nth}`, { graph: "react", streamMode: [...streamMode] }).ended;
  }
  const again = [flow.proxy.url, other.url].map((base) => events(base, threadId, 3, "0-0"));
  const kinds = async (streams: Promise<string[][]>[]) =>
    (await Promise.all(streams)).map((seen) => seen.map((names) => [...new Set(names)].sort()));
  const first = [["values"], ["messages", "values"]];
  const seen = [...first, ["messages/metadata", "messages/partial"]];
  expect(await kinds(live)).toEqual([seen, seen]);
  // Python replays nothing of this mode.
  expect(await kinds(again)).toEqual([
    [...first, []],
    [...first, []],
  ]);
});
