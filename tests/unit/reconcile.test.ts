import type { Run } from "@langchain/langgraph-sdk";
import { describe, expect, it } from "vitest";
import type { State } from "../../proxy/core/cut.ts";
import type { Write } from "../../proxy/core/plan.ts";
import { activeRuns, type ReconcileClient, readState, reconcile } from "../../proxy/stop/reconcile.ts";

const letGo: Write = { values: null, asNode: "__end__" };

/** Lets go while anything is pending. */
const plan = ({ next }: State): Write | undefined => (next.length > 0 ? letGo : undefined);

interface Fake extends ReconcileClient {
  writes: unknown[];
}

interface Script {
  /** Steps that are pending, one a write. */
  steps?: number;
  /** What the first writes answer; then all succeed. */
  answers?: number[];
  active?: Partial<Run>[];
}

/** A LangGraph server with one thread. */
function fake({ steps = 1, answers = [], active = [] }: Script): Fake {
  const writes: unknown[] = [];
  let left = steps;
  const threads: Pick<ReconcileClient["threads"], "getState" | "updateState"> = {
    getState: async () => ({ values: {}, next: left > 0 ? [`step ${left}`] : [] }) as never,
    updateState: async (_threadId, options) => {
      const status = answers.shift() ?? 200;
      if (status !== 200) throw Object.assign(new Error(`HTTP ${status}`), { status });
      writes.push(options);
      left -= 1;
      return {} as never;
    },
  };
  const list: ReconcileClient["runs"]["list"] = async (_threadId, options) =>
    active.filter(({ status }) => status === options?.status) as Run[];
  return { writes, threads, runs: { list } };
}

describe("reconciling a thread", () => {
  it("reads again after each write, until there is nothing to write", async () => {
    const client = fake({ steps: 3 });
    const { state, superseded } = await reconcile(client, "t", "r1", plan);
    expect(client.writes).toEqual(Array.from({ length: 3 }, () => letGo));
    expect([state.next, superseded]).toEqual([[], false]);
  });

  it("writes nothing where nothing is planned (case 18)", async () => {
    const client = fake({ steps: 0 });
    await reconcile(client, "t", "r1", plan);
    expect(client.writes).toEqual([]);
  });

  it("tries again while the same run winds down: 409 (case 8)", async () => {
    const active = [{ run_id: "r1", status: "running" as const, created_at: "2026-01-01T00:00:00Z" }];
    const client = fake({ answers: [409, 409, 409], active });
    expect(await reconcile(client, "t", "r1", plan)).toMatchObject({ superseded: false });
    expect(client.writes).toHaveLength(1);
  });

  it.each(["running", "pending"] as const)("leaves the thread to a newer run that is %s (case 9)", async (status) => {
    const active = [{ run_id: "r2", status, created_at: "2026-01-01T00:00:00Z" }];
    const client = fake({ answers: [409], active });
    const { state, superseded } = await reconcile(client, "t", "r1", plan);
    expect([client.writes, state.next, superseded]).toEqual([[], ["step 1"], true]);
  });

  it("looks again after a write that failed, which may have been carried out all the same", async () => {
    const client = fake({ answers: [500, 503] });
    expect((await reconcile(client, "t", "r1", plan)).state.next).toEqual([]);
    expect(client.writes).toHaveLength(1);
  });

  it.each([400, 403, 404])("any other answer is the caller's: %d", async (status) => {
    await expect(reconcile(fake({ answers: [status] }), "t", "r1", plan)).rejects.toMatchObject({ status });
  });

  it.each([400, 422, 500])("goes in by the start where the edges of the cut node fail: %d", async (status) => {
    const half: Write = { values: { messages: ["half"] }, asNode: "planner" };
    const client = fake({ steps: 2 });
    const { updateState } = client.threads;
    client.threads.updateState = async (threadId, options) => {
      if (options.asNode === "planner") throw Object.assign(new Error("KeyError('plan')"), { status });
      return await updateState(threadId, options);
    };
    const twice = (state: State) => (client.writes.length === 0 ? half : plan(state));
    expect(await reconcile(client, "t", "r1", twice)).toMatchObject({ state: { next: [] }, superseded: false });
    expect(client.writes).toEqual([{ ...half, asNode: "__start__" }, letGo]);
  });

  it.each([[[500, 500]], [[500, 400, 500, 500]], [[400, 500]]])(
    "goes in as its node again where the start takes it as little: %j",
    async (answers) => {
      const half: Write = { values: { messages: ["half"] }, asNode: "agent" };
      const client = fake({ answers });
      await reconcile(client, "t", "r1", () => (client.writes.length === 0 ? half : undefined));
      expect(client.writes).toEqual([half]);
    },
  );

  it("goes in by nothing but its node in a graph of the functional API, which has no start to write to", async () => {
    const whole: Write = { values: { messages: ["all"] }, asNode: "agent" };
    const client = fake({ answers: [500] });
    const { getState } = client.threads;
    client.threads.getState = async (...asked: Parameters<typeof getState>) => {
      const state = await getState(...asked);
      return { ...state, next: ["agent"], metadata: { source: "input" } } as never;
    };
    await reconcile(client, "t", "r1", () => (client.writes.length === 0 ? whole : undefined));
    expect(client.writes).toEqual([whole]);
  });

  it("is the caller's to know where the server refuses it as either", async () => {
    const half: Write = { values: { messages: ["half"] }, asNode: "agent" };
    const refusing = fake({ answers: [400, 400, 400] });
    await expect(reconcile(refusing, "t", "r1", () => half)).rejects.toMatchObject({ status: 400 });
    await expect(reconcile(fake({ answers: [403] }), "t", "r1", () => half)).rejects.toMatchObject({ status: 403 });
  });

  it("gives up on a thread that does not keep what is written, without writing it again", async () => {
    const client = fake({ steps: 0 });
    const again: Write = { values: { messages: ["kept nowhere"] }, asNode: "agent" };
    await expect(reconcile(client, "thread-1", "r1", () => again)).rejects.toMatchObject({
      status: 502,
      code: "upstream_failed",
      message: expect.stringContaining("thread-1 does not keep"),
    });
    expect(client.writes).toEqual([again]);
  });

  it("gives up on a thread that grows and is never as planned", async () => {
    const client = fake({ steps: 0 });
    const grown = () => ({ values: { messages: Array.from(client.writes) } });
    await expect(reconcile(client, "thread-1", "r1", grown)).rejects.toMatchObject({ code: "upstream_failed" });
    expect(client.writes.length).toBeLessThanOrEqual(6);
  });

  it("a graph that is never done is an error that says so", async () => {
    const client = fake({ steps: Number.POSITIVE_INFINITY });
    await expect(reconcile(client, "thread-1", "r1", plan)).rejects.toMatchObject({
      status: 502,
      code: "upstream_failed",
      message: expect.stringContaining("thread-1 still has pending steps"),
    });
  });
});

describe("what it reads", () => {
  it("a state without tasks has none", async () => {
    expect(await readState(fake({ steps: 0 }), "t")).toMatchObject({ next: [], tasks: [] });
  });

  it("active runs, oldest first, each once", async () => {
    const run = (run_id: string, status: Run["status"], second: number) => ({
      run_id,
      status,
      created_at: `2026-01-01T00:00:0${second}Z`,
    });
    const all = [run("c", "pending", 3), run("b", "pending", 2), run("a", "running", 1), run("b", "running", 2)];
    const runs = await activeRuns(fake({ active: all }), "t");
    expect(runs.map(({ run_id }) => run_id)).toEqual(["a", "b", "c"]);
  });
});
