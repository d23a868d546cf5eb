import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readStream } from "../../proxy/stop/read-stream.ts";
import { type FakeLongRun, ids, startFakeLongRun, token } from "../helpers/fake-long-run.ts";
import { gate } from "../helpers/gate.ts";

let server: FakeLongRun;
beforeEach(async () => {
  server = await startFakeLongRun();
});
afterEach(() => server.close());

const read = (from?: string) => readStream({}, { url: server.url }, ids.thread, ids.run, from);
/** Parts that have long been streamed: so many, one every 100 ms, up to `until` milliseconds ago. */
function told(count: number, until: number): void {
  for (let n = 0; n < count; n++)
    server.say("messages", token(`w${n} `), Date.now() + server.ahead - until - 100 * (count - n));
}

describe("reading what a run has streamed so far", () => {
  it("waits for a server that is slow to begin: that is no silence", async () => {
    told(5, 3000);
    const begin = gate();
    server.heartbeat = 0;
    server.beforeFirst = begin.opened;
    const reading = read();
    await vi.waitFor(() => expect(server.requests).toContain("GET /threads/thread/runs/run/stream"));
    setTimeout(begin.open, 1500);
    expect((await reading).parts).toHaveLength(5);
  });

  it("fails where nothing has come at all, not even a heartbeat", async () => {
    server.heartbeat = 0;
    server.beforeFirst = gate().opened;
    const read = readStream({}, { url: server.url }, ids.thread, ids.run, undefined, 500);
    await expect(read).rejects.toThrow("The stream has said nothing for 0.5 s.");
  });

  it("fails where the server refuses", async () => {
    server.fails.set("stream", () => 403);
    await expect(read()).rejects.toThrow(/403/);
  });

  it("covers the time up to now where the run says nothing, as heartbeats show", async () => {
    const before = Date.now() - 1000;
    const { parts, until = 0, ended } = await read();
    expect({ parts, ended }).toEqual({ parts: [], ended: false });
    expect(until).toBeGreaterThanOrEqual(before);
    expect(until).toBeLessThanOrEqual(Date.now());
  });

  it("covers what has come, and no more, where the run pauses after it", async () => {
    told(5, 3000);
    const { parts, until } = await read();
    expect(parts).toHaveLength(5);
    expect(until).toBe(server.parts.at(-1)?.at);
  });

  it.each([
    ["as the proxy's", 0],
    ["ahead", 30_000],
    ["behind", -30_000],
  ])("leaves the newest second of a run that goes on, with the server's clock %s", async (_clock, ahead) => {
    server.ahead = ahead;
    told(100, 0);
    const talk = setInterval(() => server.say("messages", token("more ")), 20);
    const { parts, until = 0, ended } = await read();
    clearInterval(talk);
    expect(ended).toBe(false);
    const sure = server.parts.filter(({ at }) => at <= until);
    expect(parts.map(({ id }) => id)).toEqual(sure.map(({ at }) => `${at}-0`));
    // A `Date` says seconds, and may be one old.
    expect(Date.now() + ahead - until).toBeLessThan(4500);
    expect(Date.now() + ahead - until).toBeGreaterThan(900);
  });

  it("has all of a run that is over", async () => {
    told(5, 3000);
    server.end("interrupted");
    const { parts, ended } = await read();
    expect(parts).toHaveLength(5);
    expect(ended).toBe(true);
  });

  it("begins with the event from which it is to go on, which shows that it has begun", async () => {
    told(5, 3000);
    const { parts } = await read(`${server.parts[2]?.at}-0`);
    expect(parts.map(({ id }) => id)).toEqual(server.parts.slice(2).map(({ at }) => `${at}-0`));
  });

  it("covers the time up to now where the run has said nothing since that event", async () => {
    told(5, 3000);
    const { until } = await read(`${server.parts[4]?.at}-0`);
    expect(Date.now() - Number(until)).toBeLessThan(3500);
    expect(until).not.toBe(server.parts[4]?.at);
  });
});
