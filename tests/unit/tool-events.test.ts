import { describe, expect, it } from "vitest";
import type { StreamPart } from "../../proxy/core/transcript.ts";
import { fold } from "./recording.ts";

interface Call {
  id: string;
  args: object;
  name?: string;
}

const event = (event: string, name: string, data: object, where = "tools:t2"): StreamPart => ({
  event: "events",
  data: { event, name, data, metadata: { langgraph_checkpoint_ns: where } },
});

/** A reply that calls, as the `events` mode streams it. */
function calls(id: string, where: string, ...given: Call[]): StreamPart {
  const chunks = given.map(({ id, name = "probe", args }, index) => ({ index, id, name, args: JSON.stringify(args) }));
  const chunk = { type: "AIMessageChunk", id, content: "", tool_call_chunks: chunks };
  return event("on_chat_model_stream", "Model", { chunk }, where);
}

const starts = (args: object, where?: string) => event("on_tool_start", "probe", { input: args }, where);
const ends = (output: object) => event("on_tool_end", "probe", { output });
const answer = (id: string) => ({ type: "tool", tool_call_id: id, name: "probe", content: `result of ${id}` });

const one = { id: "one", args: { a: 1, b: 2 } };
const two = { id: "two", args: { a: 2 } };
const same = { id: "same", args: two.args };

/** `id`s of the calls that have begun, with the results that they came to. */
const begun = (...parts: StreamPart[]) =>
  [...fold([{ event: "metadata", data: {} }, ...parts]).calls].map(([id, { fromEvents, result }]) => {
    expect(fromEvents).toBe(true);
    return result ? `${id}: ${result.content}` : id;
  });

describe("a tool that starts", () => {
  const reply = calls("m1", "agent:t1", one, two, same);

  it("is the call with its arguments, in whatever order", () => {
    expect(begun(reply, starts({ b: 2, a: 1 }))).toEqual(["one"]);
  });

  it("is the first of equal calls, then the next; tried again it is no other", () => {
    expect(begun(reply, starts(two.args))).toEqual(["two"]);
    expect(begun(reply, starts(two.args), starts(two.args), starts(two.args))).toEqual(["two", "same"]);
    expect(begun(reply, starts(one.args), starts(one.args))).toEqual(["one"]);
  });

  it("is the latest reply's, where an earlier one called the same", () => {
    expect(begun(reply, calls("m2", "agent:t3", { id: "again", args: one.args }), starts(one.args))).toEqual(["again"]);
  });

  it("is a reply's of its own graph, where another's called the same", () => {
    const inner = calls("m2", "tools:t2|model:t3", { id: "inner", args: one.args });
    expect(begun(reply, inner, starts(one.args))).toEqual(["one"]);
    expect(begun(reply, inner, starts(one.args, "tools:t2|tools:t4"))).toEqual(["inner"]);
  });

  it("may be any of its name, if its arguments are none's", () => {
    const other = { id: "other", name: "search", args: {} };
    expect(begun(calls("m1", "agent:t1", one, two, other), starts({ a: 3 }))).toEqual(["one", "two"]);
  });

  it("is known, too, if the model did not stream", () => {
    const output = { type: "ai", id: "m1", content: "", tool_calls: [{ name: "probe", ...one }] };
    expect(begun(event("on_chat_model_end", "Model", { output }), starts(one.args))).toEqual(["one"]);
  });
});

describe("a tool that ends", () => {
  const reply = calls("m1", "agent:t1", one, two);

  it("brings its result, plain or in a Command's update (case 14)", () => {
    expect(begun(reply, starts(one.args), ends(answer("one")))).toEqual(["one: result of one"]);
    const update = { messages: [answer("earlier"), answer("two")] };
    expect(begun(reply, starts(one.args), starts(two.args), ends({ update }))).toEqual(["one", "two: result of two"]);
  });

  it("has begun, though its start was not seen", () => {
    expect(begun(reply, ends(answer("two")))).toEqual(["two: result of two"]);
  });

  it("by failing, says so (case 27)", () => {
    const failed = event("on_tool_error", "probe", { error: { message: "no such zone" }, tool_call_id: "one" });
    expect(begun(reply, starts(one.args), failed)).toEqual(["one: This tool call failed: no such zone."]);
  });

  it("by failing, and is tried again, runs; an equal call that has not begun comes first (case 27)", () => {
    const failed = (id: string) => event("on_tool_error", "probe", { error: { message: "flaky" }, tool_call_id: id });
    expect(begun(reply, starts(one.args), failed("one"), starts(one.args))).toEqual(["one"]);
    const equal = calls("m1", "agent:t1", two, same);
    expect(begun(equal, starts(two.args), failed("two"), starts(two.args))).toEqual([
      "two: This tool call failed: flaky.",
      "same",
    ]);
  });

  it("of a model whose words nobody is shown is known all the same", () => {
    const hidden = structuredClone(reply) as { event: string; data: { tags?: string[] } };
    hidden.data.tags = ["nostream"];
    expect(begun(hidden, starts(one.args))).toEqual(["one"]);
  });

  it("tells nothing if it names no call", () => {
    expect(begun(reply, ends({}), event("on_tool_error", "probe", { error: {} }))).toEqual([]);
  });
});

it("what the stream tells in both ways counts once, the message before the event's", () => {
  const made = answer("one");
  const tuple: StreamPart = { event: "messages", data: [{ ...made, id: "stored" }, {}] };
  const { calls: traces } = fold([calls("m1", "agent:t1", one), starts(one.args), ends(made), tuple]);
  expect(traces.get("one")).toEqual({ fromEvents: true, result: { ...made, id: "stored" } });
});
