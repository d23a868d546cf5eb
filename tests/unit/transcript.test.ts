import { describe, expect, it } from "vitest";
import type { Message } from "../../proxy/core/message.ts";
import { safeMessage } from "../../proxy/core/safe-message.ts";
import type { StreamPart, Transcript } from "../../proxy/core/transcript.ts";
import { TranscriptFold } from "../../proxy/core/transcript-fold.ts";
import { fold, recording } from "./recording.ts";

/** `where: text` of each reply, `…` if it was cut, with the ids of its calls that can be stored; `!` on a call whose arguments were cut. */
function said({ replies }: Transcript): string[] {
  return replies.map((streamed) => {
    const { message, origin, complete } = streamed;
    const whole = (safeMessage(streamed)?.tool_calls ?? []).map(({ id }) => id);
    const ids = (message.tool_call_chunks ?? message.tool_calls ?? []).flatMap(({ id }) => (id ? [id] : []));
    const calls = ids.map((id) => ` [${id}${whole.includes(id) ? "" : "!"}]`).join("");
    return `${origin.path.join("/")}: ${JSON.stringify(message.content)}${complete ? "" : "…"}${calls}`;
  });
}

/** `id: content` of each result, `id: …` of a call that has begun. */
const known = ({ calls }: Transcript) => [...calls].map(([id, { result }]) => `${id}: ${result?.content ?? "…"}`);

describe("what a recorded run showed", () => {
  it.each<[string, said: string[], known: string[]]>([
    ["js-text", ['agent: "Crème brûlée 🐉 burns "…'], []],
    ["python-text", ['agent: "Crème brûlée 🐉 burns "…'], []],
    ["js-snapshots", ['agent: "Crème brûlée 🐉 "…'], []],
    ["js-snapshots-in-tools", ['agent: "Two calls." [call_p1] [call_p2]'], ["call_p1: one", "call_p2: …"]],
    ["js-half-call", ['agent: "Two calls. "… [call_h1] [call_h2!]'], []],
    ["python-half-call", ['agent: "Two calls. "… [call_1] [call_2!]'], []],
    ["js-one-task", ['agent: "Two calls." [call_1] [call_2]'], ["call_1: one", "call_2: …"]],
    ["python-one-task", ['agent: "Two calls." [call_1] [call_2]'], []],
    ["js-task-per-call", ['model_request: "Two calls." [call_t1] [call_t2]'], ["call_t1: one", "call_t2: …"]],
    ["python-events-in-turn", ['agent: "Let me see." [call_1] [call_2] [call_3]'], ["call_1: 42", "call_2: …"]],
    [
      "python-events-at-once",
      ['agent: "Let me see." [call_1] [call_2] [call_3]'],
      ["call_1: 42", "call_2: …", "call_3: This tool call failed: An internal error occurred."],
    ],
    ["python-task-per-call", ['model: "Two calls." [call_t1] [call_t2]'], ["call_t1: one"]],
    ["js-nested", ['researcher/agent: "First." [call_n1]', 'researcher/agent: "Second is "…'], ["call_n1: one"]],
    ["python-nested", ['researcher/agent: "First." [call_1]', 'researcher/agent: "Second is "…'], ["call_1: one"]],
    [
      "js-subagent",
      ['model_request: "I delegate." [call_task]', 'tools/model_request: "Digging deep "…'],
      ["call_task: …"],
    ],
    ["python-subagent", ['model: "I delegate." [call_task]', 'tools/model: "Digging deep "…'], []],
    ["js-two-models", ['left: "Left is "…', 'right: "Right "…'], []],
    ["python-two-models-in-a-row", ['left: "Left is whole."', 'right: "Right "…'], []],
    ["python-pipeline", ['draft: "A draft."', 'review: "A "…'], []],
    ["js-own-state", ['notebook/think: "A "…'], []],
    ["python-own-state", ['notebook/think: "A "…'], []],
    [
      "js-tool-error",
      ['agent: "" [call_1] [call_2]'],
      ["call_1: This tool call failed; its error is not known.", "call_2: …"],
    ],
  ])("%s", (name, replies, calls) => {
    const { parts, state } = recording(name);
    const transcript = fold(parts);
    expect(transcript).toMatchObject({ whole: true });
    expect(said(transcript)).toEqual(replies);
    expect(known(transcript)).toEqual(calls);
    const tasks = state.tasks.map(({ id }) => id);
    const cut = transcript.replies.filter(({ complete }) => !complete);
    expect(cut.filter(({ origin }) => !tasks.includes(origin.task ?? ""))).toEqual([]);
  });

  it("keeps reasoning apart from the text (case 17)", () => {
    const [reply] = fold(recording("js-text").parts).replies;
    expect(reply?.message.additional_kwargs).toMatchObject({ reasoning_content: "Let me think." });
  });

  it("is one reply under the streamed id after each further part, its text only ever longer", () => {
    const { parts } = recording("python-text");
    let before = "";
    for (let end = 1; end <= parts.length; end += 1) {
      const { replies } = fold(parts.slice(0, end));
      expect(replies.length).toBeLessThanOrEqual(1);
      const text = String(replies[0]?.message.content ?? "");
      expect(text.startsWith(before)).toBe(true);
      before = text;
    }
    expect(before).toBe("Crème brûlée 🐉 burns ");
  });
});

const metadata: StreamPart = { event: "metadata", data: { run_id: "r" } };
const whereAgent = { langgraph_checkpoint_ns: "agent:t1", langgraph_node: "agent" };

function tuple(
  message: Omit<Partial<Message>, "tool_calls">,
  where: object = whereAgent,
  event = "messages",
): StreamPart {
  return { event, data: [{ type: "ai", id: "m1", content: "", tool_call_chunks: [], ...message }, where] };
}

const only = (...parts: StreamPart[]) => {
  const { replies } = fold([metadata, ...parts]);
  expect(replies).toHaveLength(1);
  return replies[0] as Transcript["replies"][number];
};

describe("the head of a stream", () => {
  it("is missing where the first part is not its metadata", () => {
    expect(fold([tuple({ content: "the rest" })]).whole).toBe(false);
    expect(fold([metadata, tuple({ content: "all" })]).whole).toBe(true);
    expect(fold([]).whole).toBe(false);
  });
});

describe("a reply's end", () => {
  const chunk = { type: "AIMessageChunk" };
  it.each<[string, StreamPart[], boolean]>([
    ["nothing more came", [tuple({ content: "a" })], false],
    [
      "Python's last chunk",
      [tuple({ ...chunk, content: "a" }), tuple({ ...chunk, chunk_position: "last" } as object)],
      true,
    ],
    ["Python's whole message", [tuple({ ...chunk, content: "a" }), tuple({ content: "ab" })], true],
    ["OpenAI's finish reason", [tuple({ content: "a", response_metadata: { finish_reason: "stop" } })], true],
    ["Anthropic's stop reason", [tuple({ content: "a", response_metadata: { stop_reason: "end_turn" } })], true],
    ["Bedrock's stop reason", [tuple({ content: "a", response_metadata: { stopReason: "end_turn" } })], true],
    [
      "Bedrock's stop reason, as JS has it",
      [tuple({ content: "a", response_metadata: { messageStop: { stopReason: "end_turn" } } })],
      true,
    ],
    ["a message that did not come in chunks", [tuple({ content: "a", tool_call_chunks: undefined })], true],
    ["an empty reason", [tuple({ content: "a", response_metadata: { finish_reason: "" } })], false],
    ["OpenAI's Responses", [tuple({ content: "a", response_metadata: { status: "completed" } })], true],
    ["Anthropic's reason, which JS has elsewhere", [tuple({ additional_kwargs: { stop_reason: "end_turn" } })], true],
    [
      "Anthropic's usage, which comes first",
      [tuple({ response_metadata: { model_provider: "anthropic" }, usage_metadata: { output_tokens: 1 } })],
      false,
    ],
  ])("%s", (_, parts, complete) => {
    expect(only(...parts).complete).toBe(complete);
  });

  it.each<[string, StreamPart[], boolean]>([
    [
      "half a call's arguments",
      [tuple({ tool_call_chunks: [{ id: "c", name: "probe", args: '{"a', index: 0 }] })],
      true,
    ],
    ["a provider that never says when it ends", [tuple({ content: "a" })], false],
    [
      "a call that may have no arguments",
      [tuple({ tool_call_chunks: [{ id: "c", name: "probe", args: "", index: 0 }] })],
      false,
    ],
    [
      "a server that tells which chunk is the last",
      [tuple({ ...chunk, content: "a", chunk_position: null } as object)],
      true,
    ],
    ["that chunk", [tuple({ ...chunk, content: "a", chunk_position: "last" } as object)], false],
  ])("is certainly still to come: %s", (_, parts, streaming) => {
    expect(only(...parts).streaming ?? false).toBe(streaming);
  });

  it("may have been told in a gap of the stream", () => {
    const torn = new TranscriptFold();
    const half = { tool_call_chunks: [{ id: "c", name: "probe", args: "{}", index: 0 }], chunk_position: null };
    for (const part of [metadata, tuple({ ...chunk, ...half } as object)]) torn.add(part);
    expect(torn.transcript().replies[0]).toMatchObject({ streaming: true });
    torn.tear();
    expect(torn.transcript().replies[0]).not.toHaveProperty("streaming");
  });

  it("a whole message takes the place of its chunks, once (case 18)", () => {
    const reply = only(tuple({ type: "AIMessageChunk", content: "a" }), tuple({ content: "ab" }));
    expect(reply.message.content).toBe("ab");
  });
});

describe("events of the v2 protocol", () => {
  const says = (data: object) => ({ event: "messages|agent:t1", data: { run_id: "call", ...data } });

  it("have a call's arguments as what they add, or as they are by then", () => {
    const content = { type: "tool_call_chunk", id: "c", name: "probe", args: "" };
    const adding = ['{"a"', ":1}"].map((args) => ({ type: "tool-call-delta", args }));
    const growing = ['{"a"', '{"a":1}'].map((args) => ({ type: "block-delta", fields: { ...content, args } }));
    for (const deltas of [adding, growing]) {
      const reply = only(
        says({ event: "message-start", id: "m1" }),
        says({ event: "content-block-start", index: 0, content }),
        ...deltas.map((delta) => says({ event: "content-block-delta", index: 0, delta })),
      );
      expect(safeMessage(reply)?.tool_calls).toMatchObject([{ id: "c", args: { a: 1 } }]);
    }
  });
});

describe("chunks", () => {
  it("tell it all to whoever asks for whole messages as well", () => {
    const partial = { event: "messages/partial", data: [{ type: "ai", id: "m1", content: "a" }] };
    const reply = only(tuple({ content: "a" }), partial, tuple({ content: "b" }));
    expect(reply.message.content).toBe("ab");
    expect(only(tuple({ content: "a" }), { ...partial, event: "messages/complete" }).complete).toBe(true);
  });

  it("join what was torn inside a character's emoji sequence", () => {
    expect(only(tuple({ content: "👩" }), tuple({ content: "\u200d🚀é" })).message.content).toBe("👩‍🚀é");
  });

  it("join a call's arguments by its index", () => {
    const part = (index: number, args: string, id?: string) =>
      tuple({ tool_call_chunks: [{ index, args, ...(id ? { id, name: "probe" } : {}) }] });
    const { message } = only(part(0, '{"a', "c0"), part(1, "", "c1"), part(0, '":1}'), part(1, "{}"));
    expect(message.tool_call_chunks).toMatchObject([
      { id: "c0", name: "probe", args: '{"a":1}' },
      { id: "c1", name: "probe", args: "{}" },
    ]);
  });

  it("join content blocks by their index, a signature too", () => {
    const block = (fields: object) => tuple({ content: [{ index: 0, type: "thinking", ...fields }] });
    const text = (words: string) => tuple({ content: [{ index: 1, type: "text", text: words }] });
    const { message } = only(
      block({ thinking: "Let " }),
      block({ thinking: "me." }),
      block({ signature: "c2ln" }),
      text("So "),
      text("be it"),
    );
    expect(message.content).toMatchObject([
      { type: "thinking", thinking: "Let me.", signature: "c2ln" },
      { type: "text", text: "So be it" },
    ]);
  });

  it("of a provider that names no role make a reply all the same", () => {
    expect(
      only(tuple({ type: "generic", content: "a" }), tuple({ type: "generic", content: "b" })).message.content,
    ).toBe("ab");
  });

  it("without an id go together by where they were said", () => {
    const other = { langgraph_checkpoint_ns: "other:t2" };
    const parts = [
      tuple({ id: undefined, content: "a" }),
      tuple({ id: undefined, content: "x" }, other),
      tuple({ id: undefined, content: "b" }),
    ];
    expect(said(fold([metadata, ...parts]))).toEqual(['agent: "ab"…', 'other: "x"…']);
  });

  it("of two nodes that speak at once keep each its words, where the v2 protocol names neither", () => {
    const event = (data: object): StreamPart => ({ event: "messages", data: { params: { namespace: [], data } } });
    const start = (id: string) => event({ event: "message-start", role: "ai", id });
    const block = event({ event: "content-block-start", index: 0, content: { type: "text", text: "" } });
    const words = (text: string) =>
      event({ event: "content-block-delta", index: 0, delta: { type: "text-delta", text } });
    const finish = (text: string) =>
      event({ event: "content-block-finish", index: 0, content: { type: "text", text } });
    const finished = event({ event: "message-finish", metadata: {} });
    const meanwhile = [start("m1"), block, words("Once "), start("m2"), words("upon"), block, words("Well, ")];
    expect(said(fold([metadata, ...meanwhile]))).toEqual([': "Once upon"…', ': "Well, "…']);
    const atTheEnd = [...meanwhile, words("well"), finish("Once upon"), finished];
    expect(said(fold([metadata, ...atTheEnd]))).toEqual([': "Once upon"', ': "Well, well"…']);
    expect(said(fold([metadata, ...atTheEnd, finish("Well, well"), finished]))).toEqual([
      ': "Once upon"',
      ': "Well, well"',
    ]);
  });

  it("that a node says in the user's name are no reply in the v2 protocol, either", () => {
    const event = (data: object): StreamPart => ({
      event: "messages|host:t|summarize:s",
      data: { run_id: "r", ...data },
    });
    const shown = [
      event({ event: "message-start", id: "s1", role: "human" }),
      event({ event: "content-block-delta", index: 0, delta: { type: "text-delta", text: "In short" } }),
      event({ event: "message-finish" }),
    ];
    expect(said(fold(shown))).toEqual([]);
    expect(said(fold([event({ event: "message-start", id: "m1", role: "ai" }), ...shown.slice(1)]))).toHaveLength(1);
  });

  it("of the user and of the system are not replies", () => {
    const parts = ["human", "system", "HumanMessageChunk"].map((type) => tuple({ type, content: "a" }));
    expect(fold([metadata, ...parts]).replies).toEqual([]);
  });
});

describe("where it was said", () => {
  it.each<[string, object, path: string[], task?: string, inner?: (string | undefined)[]]>([
    ["the root graph", { langgraph_checkpoint_ns: "agent:t1" }, ["agent"], "t1"],
    ["a subgraph", { langgraph_checkpoint_ns: "researcher:t1|agent:t2" }, ["researcher", "agent"], "t1", ["t2"]],
    ["a tool", { langgraph_checkpoint_ns: "tools:t1|model:t2" }, ["tools", "model"], "t1", ["t2"]],
    ["a graph called again", { langgraph_checkpoint_ns: "a:t1|1|b:t2" }, ["a", "1", "b"], "t1", [undefined, "t2"]],
    ["the older field", { checkpoint_ns: "agent:t1" }, ["agent"], "t1"],
    ["a node with a colon", { langgraph_checkpoint_ns: "a:b:t1" }, ["a:b"], "t1"],
    ["no namespace", { langgraph_node: "agent" }, ["agent"], undefined],
    ["nothing", {}, [], undefined],
  ])("%s", (_, where, path, task, inner) => {
    expect(only(tuple({ content: "a" }, where)).origin).toEqual({ path, task, inner });
  });

  it("subgraph events are events", () => {
    const where = { langgraph_checkpoint_ns: "researcher:t1|agent:t2" };
    expect(only(tuple({ content: "a" }, where, "messages|researcher:t1")).message.content).toBe("a");
  });
});

it("Python's v2 events name the graph, not its node", () => {
  const event = (namespace: string[]) => ({
    event: "messages",
    data: { params: { namespace, data: { event: "message-start", id: "a" } } },
  });
  const pathOf = (namespace: string[]) => fold([metadata, event(namespace)]).replies[0]?.origin;
  expect(pathOf([])).toEqual({ path: [] });
  expect(pathOf(["notebook:1"])).toMatchObject({ path: ["notebook", "some node of it"], task: "1" });
});

describe("what is known of a tool call", () => {
  const tool = (data: object): StreamPart => ({ event: "tools", data });
  const result: Message = { type: "tool", tool_call_id: "c", name: "probe", content: "one" };
  const traceOf = (...parts: StreamPart[]) => fold([metadata, ...parts]).calls.get("c");

  it("it has begun", () => {
    expect(traceOf(tool({ event: "on_tool_start", toolCallId: "c" }))).toEqual({ fromEvents: true });
  });

  it.each<[string, StreamPart]>([
    ["its end", tool({ event: "on_tool_end", toolCallId: "c", output: result })],
    ["Aegra's end", tool({ event: "tool-finished", tool_call_id: "c", output: result })],
    [
      "a Command's update",
      tool({ event: "on_tool_end", toolCallId: "c", output: { update: { files: {}, messages: [result] } } }),
    ],
    ["its message", { event: "messages", data: [result, {}] }],
    ["its message, chunked", { event: "messages", data: [{ ...result, type: "ToolMessageChunk" }, {}] }],
    ["its message among the whole ones", { event: "messages/complete", data: [result] }],
  ])("%s brings the result (case 14)", (_, part) => {
    expect(traceOf(part)?.result).toMatchObject({ content: "one" });
  });

  it("a message tells nothing of the tools beside it", () => {
    expect(traceOf({ event: "messages", data: [result, {}] })?.fromEvents).toBe(false);
  });

  it("an output that is none of its messages is not its result", () => {
    const others = { update: { messages: [{ ...result, tool_call_id: "d" }] } };
    expect(traceOf(tool({ event: "on_tool_end", toolCallId: "c", output: others }))).toEqual({ fromEvents: true });
  });

  it("a tool that failed by itself says so (case 27)", () => {
    const failed = tool({ event: "on_tool_error", toolCallId: "c", name: "probe", error: { message: "no such zone" } });
    expect(traceOf(failed)?.result).toMatchObject({
      content: "This tool call failed: no such zone.",
      status: "error",
      name: "probe",
    });
  });

  it("a tool that failed and is tried again runs (case 27)", () => {
    const start = tool({ event: "on_tool_start", toolCallId: "c", name: "probe" });
    const failed = tool({ event: "on_tool_error", toolCallId: "c", name: "probe", error: { message: "flaky" } });
    expect(traceOf(start, failed, start)).toEqual({ fromEvents: true });
    const end = tool({ event: "on_tool_end", toolCallId: "c", output: result });
    expect(traceOf(start, failed, start, end)?.result).toEqual(result);
  });

  it("a tool of a v2 run that failed by itself says so, too", () => {
    const failed = tool({ event: "tool-error", tool_call_id: "c", message: "no such zone" });
    expect(traceOf(failed)?.result).toMatchObject({ content: "This tool call failed: no such zone.", status: "error" });
  });

  it("its real message stands over the failure that was made of the event", () => {
    const failed = tool({ event: "on_tool_error", toolCallId: "c" });
    const real = { ...result, content: "Error: no such zone" };
    expect(traceOf(failed, { event: "messages", data: [real, {}] })?.result).toEqual(real);
    expect(traceOf({ event: "messages", data: [real, {}] }, failed)?.result).toEqual(real);
  });

  it("parts of other shapes are passed over", () => {
    const odd: StreamPart[] = [
      tool([] as object),
      tool({ event: "on_tool_end" }),
      { event: "messages", data: null },
      { event: "messages", data: ["text"] },
      { event: "messages/partial", data: {} },
      { event: "messages/metadata", data: null },
    ];
    expect(fold([metadata, ...odd])).toMatchObject({ replies: [], calls: new Map() });
  });
});

describe("what nobody was shown", () => {
  const hidden = (tag: string): StreamPart => ({
    event: "events",
    data: {
      event: "on_chat_model_stream",
      tags: ["seq:step:1", tag],
      data: { chunk: { type: "AIMessageChunk", id: "g1", content: "SAFE: the user asks about" } },
      metadata: { langgraph_checkpoint_ns: "guard:t1" },
    },
  });

  it.each(["nostream", "langsmith:nostream"])("is not said: a model that is tagged %s", (tag) => {
    expect(fold([metadata, hidden(tag)]).replies).toEqual([]);
    expect(fold([metadata, hidden("other")]).replies).toHaveLength(1);
  });
});

describe("a stream whose beginning is lost", () => {
  const tuple = (id: string, content: string, node = "agent") => ({
    event: "messages",
    data: [{ type: "AIMessageChunk", id, content }, { langgraph_checkpoint_ns: `${node}:1` }],
  });
  const kept = (parts: StreamPart[]) => {
    const { whole, replies } = fold(parts);
    return { whole, texts: replies.map((reply) => safeMessage(reply)?.content) };
  };

  it.each([
    ["in the middle of a word", ["ld, this ", "goes on"], "this goes on"],
    ["between two words", [" this ", "goes on"], "this goes on"],
    ["in a script that has no spaces", ["世界", "你好"], "世界你好"],
  ])("begins at a whole word, torn %s", (_where, tokens, text) => {
    expect(kept(tokens.map((token) => tuple("a", token)))).toEqual({ whole: false, texts: [text] });
  });

  it("keeps every word of the replies that begin in what is left of it", () => {
    const parts = [
      tuple("a", "rest of one"),
      tuple("b", "all of two"),
      tuple("c", "", "other"),
      tuple("c", "all", "other"),
    ];
    expect(kept(parts).texts).toEqual(["of one", "all of two", "all"]);
  });

  it("keeps every word where nothing is lost", () => {
    expect(kept([{ event: "metadata", data: {} }, tuple("a", "all of it")])).toEqual({
      whole: true,
      texts: ["all of it"],
    });
  });

  it("keeps what a v2 message went on to say, though not how it began", () => {
    const event = (event: object) => ({ event: "messages", data: { params: { namespace: ["agent:1"], data: event } } });
    const parts = [
      event({ event: "content-block-delta", index: 0, delta: { type: "text-delta", text: "ld, " } }),
      event({ event: "content-block-delta", index: 0, delta: { type: "text-delta", text: "good night" } }),
    ];
    expect(kept(parts)).toEqual({ whole: false, texts: ["good night"] });
    expect(fold(parts).replies[0]).toMatchObject({
      headless: true,
      complete: false,
      origin: { path: ["agent", "some node of it"] },
    });
  });
});
