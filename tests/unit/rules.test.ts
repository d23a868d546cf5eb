import { describe, expect, it } from "vitest";
import type { Message } from "../../proxy/core/message.ts";
import { type AnthropicMessage, anthropicViolations } from "../helpers/anthropic-rules.ts";
import { type OpenAIMessage, openaiViolations } from "../helpers/openai-rules.ts";
import { toAnthropic, toOpenAI } from "../helpers/wire.ts";

const user: AnthropicMessage = { role: "user", content: "hello" };
const says = (...content: Exclude<AnthropicMessage["content"], string>): AnthropicMessage => ({
  role: "assistant",
  content,
});
const calls = (id: string) => ({ type: "tool_use", id, name: "probe", input: {} });
const answers = (...ids: string[]): AnthropicMessage => ({
  role: "user",
  content: ids.map((id) => ({ type: "tool_result", tool_use_id: id })),
});
const searches = (id: string) => ({ type: "server_tool_use", id, name: "web_search", input: { query: "x" } });
const finds = (id: string) => ({ type: "web_search_tool_result", tool_use_id: id, content: [] });
const text = (said: string) => ({ type: "text", text: said });
const thinking = (signature?: string) => ({ type: "thinking", thinking: "hm", signature });

describe("Anthropic takes", () => {
  it.each<[string, AnthropicMessage[]]>([
    ["a conversation", [user, says(text("Hi. ")), user]],
    ["calls answered in any order", [user, says(text("I ask."), calls("a"), calls("b")), answers("b", "a"), user]],
    ["answers that come one by one", [user, says(calls("a"), calls("b")), answers("a"), answers("b"), user]],
    ["signed thinking", [user, says(thinking("c2ln"), text("Hi."))]],
    ["its own search with what it found", [user, says(searches("s"), finds("s"), text("So."))]],
    ["two replies in a row", [user, says(text("Left.")), says(text("Right."))]],
  ])("%s", (_, messages) => {
    expect(anthropicViolations(messages)).toEqual([]);
  });
});

describe("Anthropic refuses", () => {
  it.each<[string, AnthropicMessage[], RegExp]>([
    ["a reply before the user", [says(text("Hi."))], /first message/],
    ["another role", [user, { role: "tool", content: "x" }], /unexpected role 'tool'/],
    ["a turn without content", [user, says(), user], /non-empty content/],
    ["an empty text (case 23)", [user, says(text(""), calls("a")), answers("a")], /non-whitespace/],
    ["a text of white space", [user, says(text(" \n")), user], /non-whitespace/],
    ["white space at the end (case 24)", [user, says(text("Hi. "))], /trailing whitespace/],
    ["thinking without a signature (case 15)", [user, says(thinking(), text("Hi."))], /invalid `signature`/],
    ["thinking with an empty one (case 15)", [user, says(thinking(""), text("Hi."))], /invalid `signature`/],
    ["thinking alone (case 15)", [user, says(thinking("c2ln"))], /cannot be `thinking`/],
    ["a call without an answer (case 12)", [user, says(calls("a"), calls("b")), answers("b"), user], /without.*: a\./],
    ["a call at the end (case 12)", [user, says(calls("a"))], /without.*: a\./],
    ["an answer to no call", [user, answers("a")], /unexpected `tool_use_id`/],
    ["an answer twice", [user, says(calls("a")), answers("a", "a")], /unexpected `tool_use_id`/],
    ["an answer a turn late", [user, says(calls("a")), user, says(text("Hi.")), answers("a")], /unexpected.*: a\./],
    ["an answer behind a text", [user, says(calls("a")), user, answers("a")], /before other content/],
    ["one id twice", [user, says(calls("a"), calls("a")), answers("a")], /unique/],
    ["an id of other characters", [user, says(calls("a b")), answers("a b")], /does not match/],
    ["its own search without what it found", [user, says(searches("s"), text("So."))], /without its result: s/],
    ["what was found without its search", [user, says(finds("s"), text("So."))], /unexpected.*web_search.*: s/],
    ["its own search without an input", [user, says({ ...searches("s"), input: "" }, finds("s"))], /no object/],
    ["a block that it doesn't know", [user, says({ type: "server_tool_call_chunk" }, text("So."))], /unexpected block/],
    ["arguments that are text", [user, says({ ...calls("a"), input: "{}" }), answers("a")], /no object/],
  ])("%s", (_, messages, why) => {
    expect(anthropicViolations(messages).join("\n")).toMatch(why);
  });

  it("a signature that was cut, where the checker knows those that were issued (case 15)", () => {
    const history = [user, says(thinking("c2l"), text("Hi."))];
    expect(anthropicViolations(history, (signature) => signature === "c2ln")).toHaveLength(1);
  });
});

describe("OpenAI refuses", () => {
  const asks = { role: "user", content: "hello" };
  const call = (id: string, args = "{}"): OpenAIMessage => ({
    role: "assistant",
    content: "",
    tool_calls: [{ id, function: { name: "probe", arguments: args } }],
  });
  const answer = (id: string): OpenAIMessage => ({ role: "tool", tool_call_id: id, content: "one" });

  it.each<[string, OpenAIMessage[], RegExp]>([
    ["a call without an answer (case 12)", [asks, call("a"), asks], /must be followed by tool messages/],
    ["a call at the end (case 12)", [asks, call("a")], /must be followed by tool messages/],
    ["an answer without a call", [asks, answer("a")], /must be a response/],
    ["arguments that were cut", [asks, call("a", '{"na'), answer("a")], /not a JSON object/],
    ["a reply that says nothing (case 23)", [asks, { role: "assistant", content: "" }], /needs content/],
    ["an unknown role", [asks, { role: "ai", content: "x" }], /unknown role/],
  ])("%s", (_, messages, why) => {
    expect(openaiViolations(messages).join("\n")).toMatch(why);
  });

  it("nothing in a conversation with tools", () => {
    expect(openaiViolations([asks, call("a"), answer("a"), { role: "assistant", content: "One." }])).toEqual([]);
  });
});

describe("on the wire", () => {
  const reply: Message = {
    type: "ai",
    content: [thinking("c2ln"), text("I ask."), { type: "tool_use", id: "a", name: "probe", input: {} }],
    tool_calls: [
      { id: "a", name: "probe", args: {} },
      { id: "b", name: "probe", args: { name: "b" } },
    ],
  };

  it("OpenAI gets no thinking, and the calls apart", () => {
    expect(toOpenAI(reply)).toEqual({
      role: "assistant",
      content: [text("I ask.")],
      tool_calls: [
        { id: "a", function: { name: "probe", arguments: "{}" } },
        { id: "b", function: { name: "probe", arguments: '{"name":"b"}' } },
      ],
    });
  });

  it("OpenAI gets raw calls where none was parsed", () => {
    const raw = [{ id: "a", function: { name: "probe", arguments: '{"na' } }];
    const cut: Message = { type: "ai", content: "x", tool_calls: [], additional_kwargs: { tool_calls: raw } };
    expect(openaiViolations([toOpenAI(cut)])).not.toEqual([]);
  });

  it("Anthropic gets what LangChain may not know, and refuses it, and Bedrock's reasoning by its own name", () => {
    const { role, content } = says(
      { type: "reasoning_content", reasoning_content: { text: "hm" } } as never,
      { type: "invalid_tool_call", id: "s" },
      text("So."),
    );
    expect(role).toBe("assistant");
    expect(
      anthropicViolations(toAnthropic([{ type: "human", content: "hello" }, { type: "ai", content } as Message])),
    ).toEqual([
      "messages.1: unexpected block of type 'invalid_tool_call'.",
      "messages.1: invalid `signature` in `thinking` block.",
    ]);
  });

  it("Anthropic gets each call once, as a block", () => {
    const [turn] = toAnthropic([reply]);
    const { content = [] } = turn ?? {};
    expect(Array.isArray(content) && content.map(({ type, id }) => `${type} ${id ?? ""}`.trim())).toEqual([
      "thinking",
      "text",
      "tool_use a",
      "tool_use b",
    ]);
  });
});
