import type { IncomingHttpHeaders } from "node:http";
import type { Run } from "@langchain/langgraph-sdk";
import { describe, expect, it, type TestContext, vi } from "vitest";
import { unseal } from "../../proxy/core/seal.ts";
import type { Snapshot } from "../../proxy/core/snapshot.ts";
import { TranscriptFold } from "../../proxy/core/transcript-fold.ts";
import type { Settings } from "../../proxy/env.ts";
import { Metrics } from "../../proxy/metrics.ts";
import type { Services } from "../../proxy/services.ts";
import { Snapshots } from "../../proxy/stop/snapshots.ts";
import { clientFor } from "../../proxy/upstream.ts";
import { type FakeLongRun, ids, key, startFakeLongRun, token } from "../helpers/fake-long-run.ts";

/** In milliseconds; a look takes a second of silence, and begins after half of this. */
const usual = 6000;
const alice = { authorization: "alice" };
const bob = { authorization: "bob" };

/** A run that is older than the window, and the replicas of one test. */
async function begin({ onTestFinished }: TestContext, window = usual) {
  const server = await startFakeLongRun(usual * 2);
  server.say("metadata", { run_id: ids.run, attempt: 1 }, Date.now() - 3000);
  const replicas: Snapshots[] = [];
  const warn = vi.fn();
  onTestFinished(async () => {
    for (const snapshots of replicas) snapshots.close();
    await server.close();
  });
  return {
    server,
    /** The log's lines. */
    warned: () => warn.mock.calls.map(([, line]) => line),
    /** `kind` is the server's. */
    replica(kind: "python" | "js" = "python"): Snapshots {
      const settings = { replayWindow: window, messagesKey: "messages" } as Settings;
      const probe = { kind: async () => kind } as unknown as Services["server"];
      const log = { warn } as unknown as Services["log"];
      const upstream = { url: server.url };
      const snapshots = new Snapshots({ settings, upstream, server: probe, metrics: new Metrics(), log });
      replicas.push(snapshots);
      return snapshots;
    },
    words(...said: string[]): void {
      for (const word of said) server.say("messages", token(word), Date.now() - 2000);
    },
    count: (request: string) => server.requests.filter((one) => one === request).length,
    inStore: () => unseal(server.store.get(ids.run)?.sealed ?? "", key, ids.run) as Snapshot | undefined,
    find: (snapshots: Snapshots) => snapshots.find(asAlice(server), asRun(server) as Run),
    drop: (snapshots: Snapshots) => snapshots.drop(asAlice(server), asRun(server)),
  };
}

const asAlice = ({ url }: FakeLongRun) => clientFor(alice, { url });
const asRun = ({ run }: FakeLongRun) => ({ run_id: ids.run, thread_id: ids.thread, ...run }) as unknown as Run;
/** So old that it is looked at at once. */
const look = (snapshots: Snapshots, caller: IncomingHttpHeaders = alice) =>
  snapshots.watch(caller, ids.thread, ids.run, usual * 2);
const until = (check: () => unknown) => vi.waitFor(check, { timeout: 12_000, interval: 20 });
const pause = (milliseconds: number) => new Promise((later) => setTimeout(later, milliseconds));

/** The thread, from now on. */
function isWhole(server: FakeLongRun): void {
  const created_at = new Date().toISOString();
  server.state = { values: { messages: [] }, next: [], metadata: { run_id: ids.run }, created_at };
}

/** What the replies say; `?` if something is missing. */
function textOf(snapshot: Snapshot | undefined): string | undefined {
  const transcript = snapshot && TranscriptFold.restore(snapshot.fold).transcript();
  return transcript && transcript.replies.map(({ message }) => message.content).join() + (transcript.whole ? "" : "?");
}

describe.concurrent("snapshots", { timeout: 25_000 }, () => {
  it("go on where the one before ends, though its beginning is forgotten", async (context) => {
    const { server, replica, words, inStore, find } = await begin(context);
    words("One ", "two ");
    const snapshots = replica();
    look(snapshots);
    await until(() => expect(textOf(inStore())).toBe("One two "));
    words("three ");
    server.parts.splice(0, server.parts.length - 2);
    await until(() => expect(textOf(inStore())).toBe("One two three "));
    expect(textOf(await find(snapshots))).toBe("One two three ");
  });

  it("go on where another replica's ends, and never take its place with less", async (context) => {
    const { server, replica, words, count, inStore } = await begin(context, 12_000);
    words("One ", "two ");
    const first = replica();
    look(first);
    await until(() => expect(count("PUT /store/items")).toBe(1));
    // What it is about to put away it does.
    first.close();
    server.parts.splice(0);
    server.say("messages", token("three "), Date.now() - 1500);
    look(replica());
    await until(() => expect(textOf(inStore())).toBe("One two three "));
    expect(count("PUT /store/items")).toBe(2);
  });

  it("leave a good one where it is, if the store can't be read", async (context) => {
    const { server, replica, words, count, inStore, warned } = await begin(context, 12_000);
    words("One ", "two ");
    const first = replica();
    look(first);
    await until(() => expect(count("PUT /store/items")).toBe(1));
    first.close();
    server.parts.splice(0);
    server.say("messages", token("three "), Date.now() - 1500);
    server.fails.set("store", () => (warned().includes("snapshot failed") ? undefined : 429));
    look(replica());
    await until(() => expect(warned()).toContain("snapshot failed"));
    expect(textOf(inStore())).toBe("One two ");
    await until(() => expect(textOf(inStore())).toBe("One two three "));
  });

  it("say that something is missing where looks have failed for too long", async (context) => {
    const { server, replica, words, inStore } = await begin(context, 8000);
    words("One t");
    look(replica());
    await until(() => expect(textOf(inStore())).toBe("One t"));
    server.fails.set("stream", () => 429);
    await pause(7000);
    server.parts.splice(0);
    server.say("messages", token("ee. Four."));
    server.fails.clear();
    await until(() => expect(textOf(inStore())).toBe("One\n\nFour.?"));
  });

  it("are not believed where the stream lacks what it had", async (context) => {
    const { server, replica, words, inStore, warned } = await begin(context, 12_000);
    words("One ");
    look(replica());
    await until(() => expect(textOf(inStore())).toBe("One "));
    const before = inStore()?.until;
    const all = server.parts.splice(0);
    await until(() => expect(warned()).toContain("snapshot failed"));
    expect(inStore()?.until).toBe(before);
    server.parts.push(...all, { ...all[1], at: Date.now() - 1000, event: "messages", data: token("two ") });
    await until(() => expect(textOf(inStore())).toBe("One two "));
  });

  it("are taken again within seconds where one has failed", async (context) => {
    const { server, replica, words, inStore, warned } = await begin(context);
    words("One ");
    server.fails.set("stream", () => (warned().length > 0 ? undefined : 429));
    look(replica());
    await until(() => expect(textOf(inStore())).toBe("One "));
    expect(warned()).toEqual(["snapshot failed"]);
  });

  it("hold what was read though the thread can't be", async (context) => {
    const { server, replica, words, inStore } = await begin(context);
    words("One ");
    server.fails.set("state", () => 429);
    look(replica());
    await until(() => expect(textOf(inStore())).toBe("One "));
  });

  it("are taken in the name of who joined last: the first one's credentials expire", async (context) => {
    const { server, replica, words, count, warned } = await begin(context);
    words("One ");
    server.fails.set("run", (caller) => (caller === "alice" ? 401 : undefined));
    const snapshots = replica();
    look(snapshots, alice);
    await until(() => expect(warned()).toContain("snapshot failed"));
    look(snapshots, bob);
    await until(() => expect(count("PUT /store/items")).toBe(1));
    expect(server.callers.get("PUT /store/items")).toBe("bob");
  });

  it.for<[string, (server: FakeLongRun) => unknown]>([
    [
      "whose stream can't be read again, or they would take its reader's",
      ({ run }) => Object.assign(run.kwargs, { resumable: false }),
    ],
    ["that waits in the queue", ({ run }) => Object.assign(run, { status: "pending" })],
  ])("are not taken of a run %s", async ([, is], context) => {
    const { server, replica } = await begin(context);
    is(server);
    look(replica());
    await until(() => expect(server.requests).toEqual(["GET /threads/thread/runs/run"]));
    await pause(1500);
    expect(server.requests).toEqual(["GET /threads/thread/runs/run"]);
  });

  it("are not taken of a server that forgets nothing", async (context) => {
    const { server, replica, find, drop } = await begin(context);
    const snapshots = replica("js");
    look(snapshots);
    expect(await find(snapshots)).toBeUndefined();
    drop(snapshots);
    await pause(500);
    expect(server.requests).toEqual([]);
  });

  it("end with their replica", async (context) => {
    const { server, replica } = await begin(context);
    const snapshots = replica();
    snapshots.watch(alice, ids.thread, ids.run, usual / 2 - 500);
    snapshots.close();
    look(snapshots);
    await pause(1000);
    expect(server.requests).toEqual([]);
  });

  it("are taken of what runs on a thread that somebody reads", async (context) => {
    const { replica, words, inStore } = await begin(context);
    words("One ");
    await replica().watchThread(alice, ids.thread);
    await until(() => expect(textOf(inStore())).toBe("One "));
  });
});

describe.concurrent("a store that refuses", { timeout: 25_000 }, () => {
  const line = "the store refuses: snapshots stay in memory";

  it.for([403, 500])("with %i, leaves them in memory, is asked again, and said once", async (status, context) => {
    const { server, replica, words, inStore, find, warned } = await begin(context);
    words("One ");
    let looks = 0;
    server.fails.set("store", () => status);
    server.fails.set("state", () => void looks++);
    const snapshots = replica();
    look(snapshots);
    await until(() => expect(warned()).toContain(line));
    expect(textOf(await find(snapshots))).toBe("One ");
    await until(() => expect(looks).toBeGreaterThanOrEqual(2));
    await until(() => expect(server.fails.delete("store")).toBe(true));
    await until(() => expect(textOf(inStore())).toBe("One "));
    expect(warned()).toEqual([line]);
  });

  it("one caller, serves the others", async (context) => {
    const { server, replica, words, count, inStore } = await begin(context);
    words("One ");
    server.fails.set("store", (caller) => (caller === "alice" ? 403 : undefined));
    const snapshots = replica();
    look(snapshots, alice);
    await until(() => expect(count("PUT /store/items")).toBe(1));
    look(snapshots, bob);
    await until(() => expect(textOf(inStore())).toBe("One "));
  });

  it("keeps nobody from a run that was cut: what it left stays in memory until it is dealt with", async (context) => {
    const { server, replica, words, count, find, drop } = await begin(context);
    words("One ", "two ");
    server.fails.set("store", () => 403);
    const snapshots = replica();
    look(snapshots);
    await until(() => expect(count("PUT /store/items")).toBe(1));
    server.end("interrupted");
    snapshots.ended(ids.run);
    await until(() => expect(count("PUT /store/items")).toBe(2));
    await pause(500);
    server.parts.splice(0);
    expect(textOf(await find(snapshots))).toBe("One two ");
    drop(snapshots);
    expect(await find(snapshots)).toBeUndefined();
  });

  it.for([403, 404])("to say what it has, with %i, has nothing", async (status, context) => {
    const { server, replica, find } = await begin(context);
    server.fails.set("store", () => status);
    expect(await find(replica())).toBeUndefined();
  });

  it.for([429, 500])(
    "to say what it has, with %i, may have it: a stop is not to go on without",
    async (status, context) => {
      const { server, replica, find } = await begin(context);
      server.fails.set("store", () => status);
      await expect(find(replica())).rejects.toThrow(/store did not say what it has/);
    },
  );
});

describe.concurrent("of a run that is dealt with", { timeout: 25_000 }, () => {
  it.for<[string, (server: FakeLongRun) => void]>([
    ["has ended well", (server) => server.end("success")],
    [
      "was stopped through another replica",
      (server) => {
        isWhole(server);
        server.end("interrupted");
      },
    ],
    [
      "is gone",
      (server) => {
        server.fails.set("run", () => 404);
        server.end("interrupted");
      },
    ],
    [
      "was cut, and another has had its turn",
      (server) => {
        server.newer = { run_id: "newer", status: "success", created_at: new Date().toISOString() };
        server.end("interrupted");
      },
    ],
  ])("since it %s, nothing is left", async ([, ends], context) => {
    const { server, replica, words } = await begin(context);
    words("One ");
    const snapshots = replica();
    look(snapshots);
    await until(() => expect(server.store.size).toBe(1));
    ends(server);
    snapshots.ended(ids.run);
    await until(() => expect(server.store.size).toBe(0));
  });

  it("while one is being stored, nothing is left", async (context) => {
    const { server, replica, words, count, drop } = await begin(context);
    words("One ");
    const snapshots = replica();
    server.onPut = async () => {
      server.run.updated_at = new Date().toISOString();
      drop(snapshots);
      await until(() => expect(count("DELETE /store/items")).toBe(1));
    };
    look(snapshots);
    await until(() => expect(count("DELETE /store/items")).toBe(2));
    expect(server.store.size).toBe(0);
  });

  it.for<[string, (server: FakeLongRun) => void]>([
    ["stopped", isWhole],
    ["undone", ({ fails }) => void fails.set("run", () => 404)],
  ])(
    "and %s through another replica, while its last one is being stored, nothing is left",
    async ([, ends], context) => {
      const { server, replica, words, count } = await begin(context);
      words("One ");
      server.end("interrupted");
      server.onPut = async () => ends(server);
      look(replica());
      await until(() => expect(count("DELETE /store/items")).toBe(1));
      expect(server.store.size).toBe(0);
    },
  );

  it("within half a window, nothing is asked", async (context) => {
    const { server, replica, drop } = await begin(context);
    const snapshots = replica();
    snapshots.watch(alice, ids.thread, ids.run);
    server.end("success");
    snapshots.ended(ids.run);
    server.run.created_at = server.run.updated_at;
    drop(snapshots);
    await pause(usual / 2 + 500);
    expect(server.requests).toEqual([]);
  });
});
