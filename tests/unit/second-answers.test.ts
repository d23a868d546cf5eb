import { describe, expect, it } from "vitest";
import type { Message } from "../../proxy/core/message.ts";
import { hasToolMessage, withoutSecondAnswers } from "../../proxy/core/second-answers.ts";

const calling = (id: string, ...calls: string[]): Message => ({
  type: "ai",
  id,
  content: "",
  tool_calls: calls.map((call) => ({ id: call, name: "probe", args: {} })),
});
const answer = (call: string, id = `answer ${call}`): Message => ({
  type: "tool",
  id,
  content: "",
  tool_call_id: call,
});

const thread = [calling("a", "closed", "open"), answer("closed")];
const again = { role: "user", content: "again" };

describe("an input that answers a call a second time", () => {
  it.each<[form: string, item: object]>([
    ["OpenAI's", { role: "tool", tool_call_id: "closed", content: "Successfully handled tool call." }],
    ["LangChain's", { type: "tool", id: "invented", tool_call_id: "closed", content: '{"cancelled":true}' }],
    [
      "the serialized",
      {
        lc: 1,
        type: "constructor",
        id: ["langchain_core", "messages", "ToolMessage"],
        kwargs: { content: "", tool_call_id: "closed" },
      },
    ],
  ])("loses the answer: %s form, in a list or alone", (_form, item) => {
    expect(hasToolMessage({ messages: item })).toBe(true);
    expect(withoutSecondAnswers({ messages: [item, again], n: 1 }, thread, "messages")).toEqual({
      messages: [again],
      n: 1,
    });
    expect(withoutSecondAnswers({ messages: item }, thread, "messages")).toEqual({ messages: [] });
  });

  it.each<[what: string, items: unknown[]]>([
    ["an open call's answer", [{ role: "tool", tool_call_id: "open", content: "" }]],
    ["an unknown call's", [{ role: "tool", tool_call_id: "unheard of", content: "" }]],
    ["one that replaces the thread's own by its id", [{ ...answer("closed"), content: "corrected" }]],
    ["one to a call that comes along", [calling("a", "closed"), answer("closed", "anew")]],
    [
      "one to a call that comes along, as OpenAI has it",
      [
        { role: "assistant", tool_calls: [{ id: "closed", type: "function", function: {} }] },
        { role: "tool", tool_call_id: "closed" },
      ],
    ],
    ["what is no message", ["text", ["tool", "text"], 7, null]],
  ])("keeps %s", (_what, items) => {
    const input = { messages: [...items, again] };
    expect(withoutSecondAnswers(input, thread, "messages")).toBe(input);
  });

  it("or answers one that a run will answer, known to the thread or not", () => {
    const answers = ["closed", "open", "not there yet"].map((call) => ({ role: "tool", tool_call_id: call }));
    const given = [...answers, calling("b", "brought along"), answer("brought along"), { ...answer("closed"), n: 1 }];
    expect(withoutSecondAnswers({ messages: given }, thread, "messages", true)).toEqual({
      messages: given.slice(3),
    });
  });

  it("goes by the last reply that has the call", () => {
    const input = { messages: [{ role: "tool", tool_call_id: "closed", content: "" }] };
    expect(withoutSecondAnswers(input, [...thread, calling("b", "closed")], "messages")).toBe(input);
    const answered = [...thread, calling("b", "closed"), answer("closed", "second")];
    expect(withoutSecondAnswers(input, answered, "messages")).toEqual({ messages: [] });
  });

  it("is left alone under another key than the conversation's, and without one", () => {
    const input = { notes: [answer("closed", "x")] };
    expect(withoutSecondAnswers(input, thread, "messages")).toBe(input);
    expect(withoutSecondAnswers(input, thread, undefined)).toBe(input);
    expect(withoutSecondAnswers("text", thread, "messages")).toBe("text");
    expect([hasToolMessage("text"), hasToolMessage(null), hasToolMessage({ messages: [again] })]).toEqual([
      false,
      false,
      false,
    ]);
  });
});
