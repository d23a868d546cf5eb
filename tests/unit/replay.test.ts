import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { describe, expect, it, onTestFinished } from "vitest";
import type { IdentifiedPart, Snapshot } from "../../proxy/core/snapshot.ts";
import { TranscriptFold } from "../../proxy/core/transcript-fold.ts";
import { insistentFetch } from "../../proxy/insist.ts";
import { type ReplayOptions, replay } from "../../proxy/stop/replay.ts";
import { clientFor } from "../../proxy/upstream.ts";
import { gate } from "../helpers/gate.ts";

const head: IdentifiedPart = { id: "1-0", event: "metadata", data: { run_id: "r" } };

const says = (id: string, content: string): IdentifiedPart => ({
  id,
  event: "messages",
  data: [{ type: "AIMessageChunk", id: "m1", content }, { langgraph_checkpoint_ns: "agent:t1" }],
});

interface Asked extends Partial<ReplayOptions> {
  snapshot?: Snapshot;
  /** The store does not say whether it has one. */
  storeFails?: boolean;
  mayBeForgotten?: boolean;
}

/** What is taken from a stream that is read as each of these in turn, and how often it was read. */
const replayOf = (...readings: IdentifiedPart[][]) => replayAs({}, ...readings);

async function replayAs(
  { snapshot, storeFails, mayBeForgotten = false, ...asked }: Asked,
  ...readings: IdentifiedPart[][]
) {
  let read = 0;
  const joinStream = async function* () {
    yield* readings[Math.min(read++, readings.length - 1)] ?? [];
  } as unknown as Client["runs"]["joinStream"];
  const run = { run_id: "r", created_at: "2026-01-01T00:00:00Z" } as Run;
  const find = async () => {
    if (storeFails) throw new Error("The store failed.");
    return snapshot;
  };
  const snapshots = { find, window: 120_000, mayBeForgotten: () => mayBeForgotten };
  const client = { runs: { joinStream }, store: {} as Client["store"] };
  const options = { ran: true, hasBegun: async () => true, lenient: false, ...asked };
  const reading = replay(client, snapshots, "t", run, options);
  const text = await reading.then(
    ({ replies }) => replies.map(({ message }) => message.content).join(),
    (error: Error) => error.message,
  );
  return { text, read };
}

describe("a replay", () => {
  const exact = [head, says("2-0", "Half "), says("3-0", "of "), says("4-0", "it ")];

  it("is read once", async () => {
    expect(await replayOf(exact)).toEqual({ text: "Half of it ", read: 1 });
  });

  it("whose ids run backwards repeats itself, and is read again (case 18)", async () => {
    const seamed = [...exact, says("3-0", "of "), says("4-0", "it ")];
    expect(await replayOf(seamed, exact)).toEqual({ text: "Half of it ", read: 2 });
  });

  it("that repeats itself under one id is read again, too (case 18)", async () => {
    expect(await replayOf([...exact, says("4-0", "it ")], exact)).toEqual({ text: "Half of it ", read: 2 });
  });

  it("that comes the same again has tokens that are alike", async () => {
    const alike = [head, says("2-0", "ha"), says("2-0", "ha"), says("2-0", "!")];
    expect(await replayOf(alike)).toEqual({ text: "haha!", read: 2 });
  });
});

it("a replay is over at its end, and so is the connection, which not every server closes", async () => {
  const closed = gate();
  const server = createServer((_request, response) => {
    response.once("close", closed.open).writeHead(200, { "content-type": "text/event-stream" });
    for (const [event, data] of [
      ["metadata", { run_id: "r" }],
      ["end", { status: "interrupted" }],
    ]) {
      response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => server.closeAllConnections());
  const client = clientFor({}, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, insistentFetch());
  const snapshots = { find: async () => undefined, window: 120_000, mayBeForgotten: () => false };
  const run = { run_id: "r", created_at: "2026-01-01T00:00:00Z" } as Run;
  await replay(client, snapshots, "t", run, { ran: true, hasBegun: async () => true, lenient: false });
  expect(await Promise.race([closed.opened.then(() => "closed"), delay(1000, "open")])).toBe("closed");
});

describe("a replay whose snapshot can't be had", () => {
  const rest = [says("3-0", "of it")];

  it("is none for a stop: what it would store lacks what the store may have", async () => {
    expect(await replayAs({ storeFails: true }, rest)).toEqual({ text: "The store failed.", read: 0 });
  });

  it("is what there is, where a message waits for its thread", async () => {
    expect(await replayAs({ storeFails: true, lenient: true }, rest)).toEqual({ text: "of it", read: 1 });
  });
});

describe("a replay without a part", () => {
  const failed = "The LangGraph server answered GET /threads/t/runs/r/stream without a single part 3 times.";
  const fold = new TranscriptFold();
  for (const part of [head, says("2-0", "Half ")]) fold.add(part);
  const snapshot = { id: "2-0", until: Date.now(), fold: fold.save(new Set()) };

  it.each<[string, Asked, { text: string; read: number }]>([
    ["is a failure where the graph had begun", {}, { text: failed, read: 3 }],
    ["also where the run was over when the stop came", { ran: false }, { text: failed, read: 3 }],
    ["lets a thread be mended all the same", { ran: false, lenient: true }, { text: "", read: 3 }],
    [
      "is what there is of a run that had only just been picked up",
      { hasBegun: async () => false },
      { text: "", read: 3 },
    ],
    [
      "is read once, where nobody says that there is more",
      { ran: false, hasBegun: async () => false },
      { text: "", read: 1 },
    ],
    ["may be all that the server remembers", { mayBeForgotten: true }, { text: "", read: 3 }],
    ["leaves what a snapshot has", { snapshot }, { text: "Half ", read: 3 }],
  ])("%s", async (_, asked, expected) => {
    expect(await replayAs(asked, [])).toEqual(expected);
  });

  it("is forgiven if it has some when it is read again", async () => {
    expect(await replayOf([], [head, says("2-0", "Half ")])).toEqual({ text: "Half ", read: 2 });
  });
});
