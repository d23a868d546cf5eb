import { describe, expect, it } from "vitest";
import type { Content, Message } from "../../proxy/core/message.ts";
import { safeMessage, withoutCalls } from "../../proxy/core/safe-message.ts";
import { providerViolations } from "../helpers/rules.ts";

const safe = (message: Partial<Message>, complete = false) =>
  safeMessage({ message: { type: "ai", id: "m1", content: "", ...message }, complete });

const text = (said: string) => ({ type: "text", text: said });
const chunk = (id: string, args: string | undefined, index = 0) => ({ id, name: "probe", args, index });

/** Reasoning as Bedrock's Converse has it. */
const bedrock = (signature?: string) => ({
  type: "reasoning_content",
  reasoning_content: { text: "hm", ...(signature ? { signature } : {}) },
});

describe("the text of a cut reply", () => {
  it.each<[string, Content, Content]>([
    ["its words stay, trailing white space goes (case 24)", " two\n words \n", " two\n words"],
    ["emoji and accents stay", "Crème 👩‍🚀", "Crème 👩‍🚀"],
    ["blocks likewise, the last one trimmed", [text("one "), text("two ")], [text("one "), text("two")]],
    ["the number of a streamed block goes", [{ ...text("one"), index: 0 }], [text("one")]],
    ["the provider's id of a block goes", [{ ...text("one"), id: "msg_1" }], [text("one")]],
    ["an empty block goes (case 23)", [text("one"), text("")], [text("one")]],
    ["strings in a list are text, as Python has it", ["Hello ", "world "] as never, [text("Hello "), text("world")]],
    ["text under another name stays", [{ type: "output_text", text: "one" }], [text("one")]],
    ["an image stays", [text("see"), { type: "image", url: "x" }], [text("see"), { type: "image", url: "x" }]],
  ])("%s", (_, content, kept) => {
    expect(safe({ content })?.content).toEqual(kept);
  });

  it.each<[string, Partial<Message>]>([
    ["nothing", {}],
    ["white space (case 23)", { content: " \n" }],
    ["empty blocks (case 23)", { content: [text(""), text(" ")] }],
    ["reasoning alone", { content: [{ type: "reasoning", reasoning: "hm" }] }],
    ["thinking alone, though signed (case 15)", { content: [{ type: "thinking", thinking: "hm", signature: "c2ln" }] }],
    ["Bedrock's reasoning alone", { content: [bedrock("c2ln")] }],
    ["half a provider's own call", { content: [{ type: "server_tool_call_chunk", id: "s", args: '{"q' }] }],
    ["half a call", { tool_call_chunks: [chunk("c", '{"na')] }],
    ["a call's first chunk", { tool_call_chunks: [chunk("c", "")] }],
  ])("a reply with %s is not written", (_, message) => {
    expect(safe(message)).toBeUndefined();
  });
});

describe("the thinking of a cut reply", () => {
  it("stays whole with its signature, and goes without (case 15)", () => {
    const signed = { type: "thinking", thinking: "hm", signature: "c2ln" };
    expect(safe({ content: [signed, text("so")] })?.content).toEqual([signed, text("so")]);
    for (const signature of [undefined, "", 7]) {
      expect(safe({ content: [{ ...signed, signature }, text("so")] })?.content).toEqual([text("so")]);
    }
  });

  it("stays before a call that is kept, and goes if it was the last to stream", () => {
    const thought = (signature: string) => ({ type: "thinking", thinking: "hm", signature });
    const use = { type: "tool_use", id: "a", name: "probe", input: "" };
    const tool_call_chunks = [chunk("a", "{}")];
    const content = [thought("c2ln"), use, thought("aGFs")];
    expect(safe({ content, tool_call_chunks })?.content).toEqual([thought("c2ln"), { ...use, input: {} }]);
    expect(safe({ content: [text("so"), thought("c2ln"), use] })?.content).toEqual([text("so")]);
  });

  it("goes with redacted thinking, which only its provider takes", () => {
    const thinking = [
      { type: "thinking", thinking: "hm", signature: "c2ln" },
      { type: "redacted_thinking", data: "x" },
    ];
    expect(safe({ content: [...thinking, text("so")] })?.content).toEqual([text("so")]);
    const nonStandard = { type: "non_standard", value: thinking[1] };
    expect(safe({ content: [nonStandard, text("so")] })?.content).toEqual([text("so")]);
  });

  it("reasoning items go with the ids under which they were never stored (case 15)", () => {
    const reasoning = { id: "rs_1", summary: [], type: "reasoning" };
    const kept = safe({
      content: [reasoning, { ...text("so"), id: "msg_1" }],
      additional_kwargs: {
        reasoning,
        reasoning_content: "hm",
        tool_outputs: [],
        __openai_function_call_ids__: { call_1: "fc_1" },
      },
      response_metadata: { id: "resp_1", output: [reasoning], model_name: "m", model_provider: "openai" },
    });
    expect(kept).toMatchObject({ content: [text("so")], response_metadata: { model_name: "m" } });
    expect(JSON.stringify(kept)).not.toMatch(/rs_1|msg_1|resp_1|fc_1/);
    expect(kept?.additional_kwargs).toEqual({ reasoning_content: "hm" });
  });
});

describe("what a cut reply has of its provider's own", () => {
  const use = { type: "server_tool_use", id: "s", name: "web_search", input: { query: "x" } };
  const found = { type: "web_search_tool_result", tool_use_id: "s", content: [] };
  const cited = { ...text("It is so"), citations: [{ type: "web_search_result_location", encrypted_index: "x" }] };
  const kinds = [
    use,
    found,
    { type: "mcp_tool_use", id: "s", input: "" },
    { type: "mcp_tool_result", tool_use_id: "s" },
    { type: "server_tool_call", id: "s", args: {} },
    { type: "server_tool_call_chunk", id: "s", args: '{"q' },
    { type: "server_tool_result", toolCallId: "s" },
    { type: "invalid_tool_call", id: "s", args: '{"q' },
    { type: "web_search_call", id: "ws_1" },
    { type: "code_interpreter_call", id: "ci_1" },
    { type: "something new", id: "s" },
  ];

  it.each(kinds.map((block) => [block.type, block]))("goes: %s", (_, block) => {
    expect(safe({ content: [text("I search."), block, text("It is")] })?.content).toEqual([
      text("I search."),
      text("It is"),
    ]);
  });

  it("takes along what is cited of it", () => {
    expect(safe({ content: [text("I search."), use, found, cited] })?.content).toEqual([
      text("I search."),
      text("It is so"),
    ]);
    expect(safe({ content: [cited] })?.content).toEqual([cited]);
  });

  it("is Bedrock's reasoning, too, unless it is signed and something follows", () => {
    expect(safe({ content: [bedrock(), text("so")] })?.content).toEqual([text("so")]);
    expect(safe({ content: [bedrock("c2ln"), text("so")] })?.content).toEqual([bedrock("c2ln"), text("so")]);
  });
});

describe("the calls of a cut reply", () => {
  it("are those whose arguments close; text before them stays (case 17)", () => {
    const kept = safe({
      content: "I ask. ",
      tool_call_chunks: [chunk("a", '{"x":{}}'), chunk("b", '{"x":', 1)],
      additional_kwargs: { tool_calls: [{ id: "b", function: { name: "probe", arguments: '{"x":' } }] },
    });
    expect(kept).toMatchObject({ content: "I ask.", tool_calls: [{ id: "a", name: "probe", args: { x: {} } }] });
    expect(kept?.tool_calls).toHaveLength(1);
    expect(kept?.additional_kwargs).toEqual({});
  });

  it.each([["[1]"], ["7"], ['"text"'], ["null"], ["{"], ['{"a":1']])("arguments %s are none", (args) => {
    expect(safe({ content: "x", tool_call_chunks: [chunk("a", args)] })).not.toHaveProperty("tool_calls");
  });

  it("alone are a reply (case 17)", () => {
    expect(safe({ tool_call_chunks: [chunk("a", "{}")] })).toMatchObject({ content: "", tool_calls: [{ id: "a" }] });
  });

  it("without an id or a name can't be answered, and go", () => {
    const nameless = [
      { args: "{}", index: 0 },
      { id: "a", args: "{}", index: 1 },
    ];
    expect(safe({ content: "x", tool_call_chunks: nameless })).not.toHaveProperty("tool_calls");
  });

  it("leave no half blocks in the content; those that are kept stand in it whole, as Anthropic wants it", () => {
    const blocks = ["tool_use", "tool_call", "tool_call_chunk", "input_json_delta", "function_call"];
    const content = [text("I ask."), ...blocks.map((type) => ({ type, id: "b", input: "{" }))];
    expect(safe({ content, tool_call_chunks: [chunk("a", "{}")] })?.content).toEqual([
      text("I ask."),
      { type: "tool_use", id: "a", name: "probe", input: {} },
    ]);
    expect(safe({ content })?.content).toEqual([text("I ask.")]);
  });
});

describe("a refusal", () => {
  it("is said in words, wherever its provider puts it", () => {
    for (const complete of [false, true]) {
      expect(safe({ additional_kwargs: { refusal: "I can't." } }, complete)).toMatchObject({
        content: "I can't.",
        additional_kwargs: {},
      });
      const content = [{ type: "refusal", refusal: "I can't." }];
      expect(safe({ content }, complete)?.content).toEqual([text("I can't.")]);
      expect(safe({ content: [], additional_kwargs: { refusal: "No." } }, complete)?.content).toEqual([text("No.")]);
    }
  });
});

describe("a stored reply without its calls", () => {
  const item = { type: "function_call", id: "fc_1", call_id: "a" };
  const asks: Message = {
    type: "ai",
    id: "m1",
    content: [text("I ask. "), { type: "thinking", thinking: "hm", signature: "c2ln" }, { type: "tool_use", id: "a" }],
    tool_calls: [{ id: "a", name: "probe", args: {} }],
    additional_kwargs: { reasoning: { id: "rs_1" }, __openai_function_call_ids__: { a: "fc_1" } },
    response_metadata: { model_name: "m", output: [item], stopped: { run_id: "run" } },
  };

  it("names none of them either where it is stored as it was streamed, in chunks", () => {
    const stored: Message = { ...asks, type: "AIMessageChunk", tool_call_chunks: [chunk("a", "{}")] };
    expect(withoutCalls(stored)).toEqual(withoutCalls(asks));
  });

  it("names none of them to its provider, and says what it said, marked as it was", () => {
    expect(withoutCalls(asks)).toEqual({
      type: "ai",
      id: "m1",
      content: [text("I ask.")],
      additional_kwargs: {},
      response_metadata: { model_name: "m", stopped: { run_id: "run" } },
    });
  });
});

describe("a complete reply", () => {
  it("has the input of a call in its block, where it streamed apart", () => {
    const content = [
      { type: "tool_use", id: "a", name: "probe", input: "", index: 1 },
      { type: "input_json_delta", input: '{"x":1}', index: 1 },
    ];
    expect(safe({ content, tool_call_chunks: [chunk("a", '{"x":1}')] }, true)?.content).toEqual([
      { type: "tool_use", id: "a", name: "probe", input: { x: 1 }, index: 1 },
    ]);
  });

  it("has the input of its provider's own call in its block, too", () => {
    const content = [
      { type: "server_tool_use", id: "s", name: "web_search", input: "", index: 1 },
      { type: "input_json_delta", input: '{"query":', index: 1 },
      { type: "input_json_delta", input: '"x"}', index: 1 },
      { type: "web_search_tool_result", tool_use_id: "s", content: [], index: 2 },
    ];
    expect(safe({ content: [...content, text("So.")] }, true)?.content).toEqual([
      { ...content[0], input: { query: "x" } },
      content[3],
      text("So."),
    ]);
  });

  it("has its strings as they are, but for a refusal", () => {
    expect(safe({ content: ["Hello ", "world"] as never }, true)?.content).toEqual([text("Hello "), text("world")]);
  });

  it("keeps its content, its metadata and its usage", () => {
    const message = {
      name: "writer",
      content: "Done. \n",
      response_metadata: { finish_reason: "stop", id: "resp_1" },
      usage_metadata: { output_tokens: 2 },
    };
    expect(safe(message, true)).toMatchObject({ type: "ai", id: "m1", ...message });
  });

  it("keeps a call without arguments, which has none", () => {
    expect(safe({ tool_call_chunks: [chunk("a", "")] }, true)).toMatchObject({ tool_calls: [{ id: "a", args: {} }] });
  });

  it("is a plain message, whatever it was streamed as", () => {
    for (const type of ["AIMessageChunk", "generic", "assistant"]) {
      expect(safe({ type, content: "a" }, true)?.type).toBe("ai");
    }
  });

  it("is not written if it says nothing (case 23)", () => {
    expect(safe({ content: "" }, true)).toBeUndefined();
  });
});

describe("providers take a cut reply", () => {
  it.each<[string, Partial<Message>]>([
    ["text", { content: "one \n" }],
    ["blocks, one of them empty", { content: [text(""), text("one ")] }],
    [
      "thinking, cut thinking and text",
      {
        content: [
          { type: "thinking", thinking: "hm", signature: "c2ln" },
          text("one "),
          { type: "thinking", thinking: "h" },
        ],
      },
    ],
    ["Bedrock's reasoning without a signature", { content: [bedrock(), text("one")] }],
    [
      "a search of its own, and half a second one",
      {
        content: [
          { type: "server_tool_use", id: "s", name: "web_search", input: {} },
          { type: "web_search_tool_result", tool_use_id: "s", content: [] },
          text("one"),
          { type: "server_tool_use", id: "t", name: "web_search", input: "" },
        ],
      },
    ],
    ["blocks of LangChain's own", { content: [text("one"), { type: "server_tool_call_chunk", id: "s", args: "{" }] }],
  ])("%s (cases 15, 23, 24)", (_, message) => {
    const history: Message[] = [{ type: "human", content: "hello" }, safe(message) as Message];
    expect(providerViolations(history)).toEqual([]);
  });
});
