import type { Run } from "@langchain/langgraph-sdk";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Services } from "../../proxy/services.ts";
import { isAbandoned } from "../../proxy/stop/is-abandoned.ts";

const run = { run_id: "r", status: "running", kwargs: { resumable: true } } as unknown as Run;
const js = { server: { kind: async () => "js" } } as unknown as Pick<Services, "server">;

interface Fake {
  /** What each join shows; a join without a part is silent until it is given up. */
  joins: (string | undefined)[];
  /** How long a plain read takes, in milliseconds. */
  readTakes?: number;
}

function fake({ joins, readTakes = 0 }: Fake) {
  async function* joinStream(_thread: string, _run: string, { signal }: { signal: AbortSignal }) {
    const part = joins.shift();
    if (part) yield { event: part };
    await new Promise((_, fail) => signal.addEventListener("abort", () => fail(signal.reason)));
  }
  const get = () => new Promise((done) => setTimeout(() => done(run), readTakes));
  return { runs: { joinStream, get } } as never;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  vi.spyOn(AbortSignal, "timeout").mockImplementation((milliseconds) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("time is up")), milliseconds);
    return controller.signal;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function judged(what: Fake, services = js, asked = run): Promise<boolean> {
  const answer = isAbandoned(fake(what), services, "t", asked);
  await vi.advanceTimersByTimeAsync(20_000);
  return await answer;
}

it("is, if a server that answers promptly shows nothing of it, twice", async () => {
  expect(await judged({ joins: [undefined, undefined] })).toBe(true);
});

it.each<[string, Fake]>([
  ["shows its beginning", { joins: ["metadata"] }],
  ["shows its beginning when it is asked again", { joins: [undefined, "metadata"] }],
  ["is too busy to be judged", { joins: [undefined, undefined], readTakes: 1000 }],
])("is not, if the server %s", async (_, what) => {
  expect(await judged(what)).toBe(false);
});

it("is never said of another server, nor of a run that can't be read again", async () => {
  const python = { server: { kind: async () => "python" } } as unknown as Pick<Services, "server">;
  expect(await judged({ joins: [] }, python)).toBe(false);
  expect(await judged({ joins: [] }, js, { ...run, kwargs: {} } as unknown as Run)).toBe(false);
  expect(await judged({ joins: [] }, js, { ...run, status: "pending" })).toBe(false);
});
