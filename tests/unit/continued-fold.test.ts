import { describe, expect, it } from "vitest";
import { ContinuedFold } from "../../proxy/core/continued-fold.ts";
import { safeMessage } from "../../proxy/core/safe-message.ts";
import { type IdentifiedPart, reliable, type Snapshot } from "../../proxy/core/snapshot.ts";
import { storedIn } from "../../proxy/core/stored.ts";
import { TranscriptFold } from "../../proxy/core/transcript-fold.ts";

const window = 10_000;
/** A moment by the server's clock, in seconds since the run began, and as an event's id. */
const second = (seconds: number) => 1_700_000_000_000 + seconds * 1000;
const at = (seconds: number) => `${second(seconds)}-0`;

const metadata = (seconds: number, attempt = 1): IdentifiedPart => ({
  id: at(seconds),
  event: "metadata",
  data: { run_id: "r", attempt },
});
const says = (seconds: number, content: string, id = "m1"): IdentifiedPart => ({
  id: at(seconds),
  event: "messages",
  data: [{ type: "AIMessageChunk", id, content }, { langgraph_checkpoint_ns: "agent:t1" }],
});

function snapshotOf(parts: IdentifiedPart[], until = Number(parts.at(-1)?.id?.split("-")[0])): Snapshot {
  const fold = new TranscriptFold();
  for (const part of parts) fold.add(part);
  return { id: parts.at(-1)?.id ?? "", until, fold: JSON.parse(JSON.stringify(fold.save())) };
}

/** What is known of the run, from its snapshot and the parts that are still there at this moment; local time is the server's. */
function known(snapshot: Snapshot | undefined, parts: IdentifiedPart[], now: number) {
  const continued = new ContinuedFold(snapshot, window);
  for (const part of parts) continued.add(part);
  const transcript = continued.end(second(now))?.transcript();
  return { whole: transcript?.whole, texts: transcript?.replies.map((reply) => safeMessage(reply)?.content) };
}

describe("what can be relied on of a stream that is read while it grows", () => {
  const parts = [metadata(0), says(1, "one "), says(2.5, "two "), says(3, "three ")];

  it("all of it, where it has been still", () => {
    expect(reliable(parts, true)).toEqual({ parts, until: second(3) });
  });

  it("all but its newest second, where it goes on", () => {
    expect(reliable(parts, false)).toEqual({ parts: parts.slice(0, 2), until: second(2) });
  });

  it("not what comes again", () => {
    const repeated = [...parts, says(2.5, "two "), says(3, "three "), says(6, "four ")];
    expect(reliable(repeated, false)).toEqual({ parts: parts.slice(0, 2), until: second(2) });
    expect(reliable(repeated, true)).toEqual({ parts, until: second(3) });
  });

  it("all, where ids say nothing of time", () => {
    const counted = [{ event: "metadata", data: {}, id: "0" }];
    expect(reliable(counted, false)).toEqual({ parts: counted, until: undefined });
  });

  it("nothing, of nothing", () => {
    expect(reliable([], true)).toEqual({ parts: [], until: undefined });
  });
});

describe("a fold that goes on from a snapshot", () => {
  const first = [metadata(0), says(1, "One "), says(2, "two ")];

  it("leaves out what the snapshot has", () => {
    expect(known(snapshotOf(first), [says(2, "two "), says(3, "three.")], 4)).toEqual({
      whole: true,
      texts: ["One two three."],
    });
  });

  it("needs no snapshot where the stream is still there from its start", () => {
    expect(known(snapshotOf([says(1, "torn")]), [...first, says(3, "three.")], 4)).toEqual({
      whole: true,
      texts: ["One two three."],
    });
  });

  it("is whole where nothing can have been forgotten since", () => {
    expect(known(snapshotOf(first), [says(3, "three.")], 10)).toEqual({ whole: true, texts: ["One two three."] });
  });

  it("is whole after a pause that is longer than the window, of which the snapshot knows", () => {
    expect(known(snapshotOf(first, second(20)), [says(25, "three.")], 26)).toEqual({
      whole: true,
      texts: ["One two three."],
    });
  });

  it("is torn where something may have been forgotten since", () => {
    expect(known(snapshotOf(first), [says(9, "nine "), says(10, "ten.")], 13).whole).toBe(false);
  });

  it("goes by the newest part where the server's clock is ahead of ours", () => {
    expect(known(snapshotOf(first), [says(9, "nine "), says(13, "ten.")], 3).whole).toBe(false);
  });

  it("has nothing where there was nothing to add", () => {
    expect(known(undefined, [], 1)).toEqual({ whole: undefined, texts: undefined });
  });

  it("goes on when the server tries the run again: what was shown before has been shown", () => {
    const again = [metadata(3, 2), says(4, "Another one.", "m2")];
    expect(known(snapshotOf(first), again, 5)).toEqual({ whole: true, texts: ["One two", "Another one."] });
    expect(known(undefined, [...first, ...again], 5)).toEqual({ whole: true, texts: ["One two", "Another one."] });
  });

  it("does not take another try for the run's beginning", () => {
    expect(known(undefined, [metadata(3, 2), says(4, "Another one.", "m2")], 5)).toEqual({
      whole: false,
      texts: ["Another one."],
    });
  });
});

describe("a reply with a gap in its middle", () => {
  it("keeps both sides, apart, and without the pieces of words at the gap", () => {
    const first = [metadata(0), says(1, "It cost 1"), says(2, "2")];
    const rest = [says(12, "34"), says(12.1, " dollars in all"), says(12.2, ".")];
    expect(known(snapshotOf(first), rest, 13)).toEqual({ whole: false, texts: ["It cost\n\ndollars in all."] });
  });

  it("says that it is torn, though it was finished; and again after a second gap", () => {
    const fold = new TranscriptFold();
    for (const part of [metadata(0), says(1, "One t")]) fold.add(part);
    fold.tear();
    fold.add(says(12, "ee. Four fi"));
    const saved = TranscriptFold.restore(JSON.parse(JSON.stringify(fold.save())));
    saved.tear();
    saved.add(says(22, "ve. Six."));
    saved.add({
      event: "messages",
      data: [{ type: "AIMessageChunk", id: "m1", content: "", chunk_position: "last" }, {}],
    });
    expect(saved.transcript().replies).toMatchObject([
      { complete: true, torn: true, message: { content: "One\n\nFour\n\nSix." } },
    ]);
  });

  it("has nothing missing where all of it comes again at its end", () => {
    const fold = new TranscriptFold();
    for (const part of [metadata(0), says(1, "One t")]) fold.add(part);
    fold.tear();
    fold.add(says(12, "ee."));
    fold.add({ event: "messages", data: [{ type: "ai", id: "m1", content: "One two three." }, {}] });
    const [reply] = fold.transcript().replies;
    expect(reply).toMatchObject({ complete: true, message: { content: "One two three." } });
    expect(reply?.torn).toBeUndefined();
  });

  it("is not one that was finished before, or begins after", () => {
    const fold = new TranscriptFold();
    const last = { type: "AIMessageChunk", id: "m1", content: "Done.", chunk_position: "last" };
    fold.add(metadata(0));
    fold.add({ event: "messages", data: [last, { langgraph_checkpoint_ns: "agent:t1" }] });
    fold.tear();
    fold.add(says(12, "st of it", "m2"));
    fold.add(says(13, "New.", "m3"));
    expect(fold.transcript().replies).toMatchObject([
      { message: { content: "Done." } },
      { message: { id: "m2" }, headless: true },
      { message: { content: "New." } },
    ]);
    expect(fold.transcript().replies.map(({ torn, headless }) => torn ?? headless)).toEqual([
      undefined,
      true,
      undefined,
    ]);
  });

  it("keeps no call of pieces", () => {
    const call = (seconds: number, args: string, id?: string): IdentifiedPart => ({
      id: at(seconds),
      event: "messages",
      data: [
        {
          type: "AIMessageChunk",
          id: "m1",
          content: "",
          tool_call_chunks: [{ index: 0, args, ...(id ? { id, name: "pay" } : {}) }],
        },
        { langgraph_checkpoint_ns: "agent:t1" },
      ],
    });
    const fold = new TranscriptFold();
    for (const part of [metadata(0), says(1, "I pay."), call(2, '{"sum": 1', "c")]) fold.add(part);
    fold.tear();
    fold.add(call(12, "4}"));
    expect(fold.transcript().replies.map((reply) => safeMessage(reply)?.tool_calls)).toEqual([undefined]);
  });

  it("of the v2 protocol, likewise, but for a block that comes again whole", () => {
    const event = (event: object) => ({ event: "messages", data: { params: { namespace: ["agent:1"], data: event } } });
    const delta = (index: number, text: string) =>
      event({ event: "content-block-delta", index, delta: { type: "text-delta", text } });
    const fold = new TranscriptFold();
    for (const part of [metadata(0), event({ event: "message-start", id: "m1" }), delta(0, "First."), delta(1, "Sec")])
      fold.add(part);
    fold.tear();
    const torn = TranscriptFold.restore(JSON.parse(JSON.stringify(fold.save())));
    torn.add(delta(1, "d half"));
    expect(torn.transcript().replies).toMatchObject([{ torn: true, message: { content: "First.Sec\n\nhalf" } }]);
    torn.add(event({ event: "content-block-finish", index: 1, content: { type: "text", text: "Second half" } }));
    const [reply] = torn.transcript().replies;
    expect(reply?.message.content).toBe("First.Second half");
    expect(reply?.torn).toBeUndefined();
  });

  it("is told of by the `events` mode as well", () => {
    const event = (content: string) => ({
      event: "events",
      data: {
        event: "on_chat_model_stream",
        metadata: { langgraph_checkpoint_ns: "agent:t1" },
        data: { chunk: { type: "AIMessageChunk", id: "m1", content } },
      },
    });
    const headless = new TranscriptFold();
    headless.add(event("st of it"));
    expect(headless.transcript().replies).toMatchObject([{ headless: true }]);
    const fold = new TranscriptFold();
    for (const part of [metadata(0), event("One t")]) fold.add(part);
    fold.tear();
    fold.add(event("ee. Four."));
    expect(fold.transcript()).toMatchObject({
      whole: false,
      replies: [{ torn: true, message: { content: "One\n\nFour." } }],
    });
  });
});

describe("a fold that is put away", () => {
  const result = (content: string, id = "c1") => ({ type: "tool", id: `t-${id}`, tool_call_id: id, content });
  const caller = { type: "ai", id: "m1", content: "I look.", tool_calls: [{ id: "c1", name: "look", args: {} }] };
  const parts = [
    metadata(0),
    { event: "messages", data: [caller, { langgraph_checkpoint_ns: "agent:t1" }] },
    { event: "messages", data: [result("a large result"), { langgraph_checkpoint_ns: "tools:t2" }] },
    {
      event: "messages",
      data: [{ type: "ai", id: "m2", content: "Inside." }, { langgraph_checkpoint_ns: "tools:t2|agent:t3" }],
    },
  ];
  const saved = (values: unknown) => {
    const fold = new TranscriptFold();
    for (const part of parts) fold.add(part);
    return fold.save(storedIn(values));
  };

  it("holds no result that the thread has", () => {
    expect(JSON.stringify(saved({ messages: [caller, result("a large result")] }))).not.toContain("large");
    expect(saved({ messages: [caller, result("a large result")] }).calls).toEqual([["c1", { fromEvents: false }]]);
  });

  it("holds the result of a call whose answer the thread does not have; another under its id is none", () => {
    expect(JSON.stringify(saved({ messages: [caller] }))).toContain("large");
    const earlier = { ...caller, id: "m0" };
    expect(JSON.stringify(saved({ messages: [earlier, result("earlier"), caller] }))).toContain("large");
  });

  it("holds nothing that was said inside of a tool", () => {
    expect(saved({}).drafts.map(([id]) => id)).toEqual(["m1"]);
  });
});
