import type { Client, Run } from "@langchain/langgraph-sdk";
import { describe, expect, it } from "vitest";
import type { IdentifiedPart } from "../../proxy/core/snapshot.ts";
import { replay } from "../../proxy/stop/replay.ts";

const head: IdentifiedPart = { id: "1-0", event: "metadata", data: { run_id: "r" } };

const says = (id: string, content: string): IdentifiedPart => ({
  id,
  event: "messages",
  data: [{ type: "AIMessageChunk", id: "m1", content }, { langgraph_checkpoint_ns: "agent:t1" }],
});

/** What is taken from a stream that is read as each of these in turn, and how often it was read. */
async function replayOf(...readings: IdentifiedPart[][]) {
  let read = 0;
  const joinStream = async function* () {
    yield* readings[Math.min(read++, readings.length - 1)] ?? [];
  } as unknown as Client["runs"]["joinStream"];
  const run = { run_id: "r", created_at: "2026-01-01T00:00:00Z" } as Run;
  const snapshots = { find: async () => undefined, joins: () => true };
  const client = { runs: { joinStream }, store: {} as Client["store"] };
  const { replies } = await replay(client, snapshots, "t", run, { ran: true });
  return { text: replies.map(({ message }) => message.content).join(), read };
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
