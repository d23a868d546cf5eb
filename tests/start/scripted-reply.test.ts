import type { ChatMessage } from "@copilotkit/aimock";
import { describe, expect, it } from "vitest";
import { requestedCalls } from "../../scripts/requested-calls.ts";
import { scriptedReply } from "../../scripts/scripted-reply.ts";

const tools = ["calculate", "current_time", "wait"];
const essays = ["# One\n\nThe first essay has a beginning, and an end.", "# Two\n\nThe second one has both, too."];

const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });

/** A call and its answer. */
function called(name: string, args: unknown, answer: string): ChatMessage[] {
  const call = { id: `call_${name}`, type: "function" as const, function: { name, arguments: JSON.stringify(args) } };
  return [
    { role: "assistant", content: "Let me use my tools for that.", tool_calls: [call] },
    { role: "tool", tool_call_id: call.id, content: answer },
  ];
}

const next = (...messages: ChatMessage[]) => scriptedReply(messages, tools, essays);

describe("what a prompt asks for", () => {
  it.each([
    [
      "What is 12 * (3 + 4), and what time is it in Vienna?",
      { expression: "12 * (3 + 4)" },
      { time_zone: "Europe/Vienna" },
    ],
    ["(what is 2 × 3)?", { expression: "2 * 3" }],
    ["7 - 2.5.", { expression: "7 - 2.5" }],
    ["What time is it?", { time_zone: "UTC" }],
    ["the time in New York, please", { time_zone: "America/New_York" }],
    ["Wait 20 seconds, then say done", { seconds: 20 }],
    ["wait for 2 minutes", { seconds: 120 }],
    ["Tell me what happened from 2024-10-12 to 3/4, 24/7, in 5-7 sentences."],
    ["A tale of a time long gone in Paris"],
    ["I can't wait to see you at 5"],
    ["Hello!"],
  ])("%s", (prompt, ...args) => {
    expect(requestedCalls(prompt).map((call) => call.args)).toEqual(args);
  });

  it("is not called where there is no such tool", () => {
    const reply = scriptedReply([user("What is 1 + 1?")], ["current_time"], essays);
    expect(reply.calls).toEqual([]);
    expect(reply.text).toContain("essay");
  });
});

describe("what it says", () => {
  it("a new essay each turn", () => {
    const first = next(user("hi"));
    const second = next(user("hi"), assistant(first.text), user("and now?"));
    expect(first.text).not.toContain("first essay");
    expect(second.text).toContain("first essay");
  });

  it("the rest of a reply that was cut, again and again", () => {
    const cut = "The first essay has a be";
    const rest = next(user("hi"), assistant(`# One\n\n${cut}`), user("go on"));
    expect(rest.text).toBe("…ginning, and an end.");
    const more = next(user("hi"), assistant(cut), user("go on"), assistant("…ginning, and"), user("go on, please"));
    expect(more.text).toBe("… an end.");
  });

  it("an essay when there is nothing to go on with", () => {
    expect(next(user("go on")).text).toContain("essay");
  });

  it("what the tools answered", () => {
    expect(next(user("What is 1 + 1?"), ...called("calculate", { expression: "1 + 1" }, "2")).text).toBe(
      "`1 + 1` is **2**.",
    );
    expect(next(user("Wait 1 s, then say done"), ...called("wait", { seconds: 1 }, "Waited 1 s.")).text).toBe(
      "Waited 1 s.\n\n**done**",
    );
  });

  it.each([
    ["This tool call was cut off before it returned. It may have had effects; its result is not known.", "was cut off"],
    ["This tool call never started. It had no effects.", "never started"],
    ["Error: out of range\n Please fix your mistakes.", "failed"],
  ])("no more than is true of a tool that answered: %s", (answer, said) => {
    const prompt = user("Wait 20 seconds, then say done");
    const now = next(prompt, ...called("wait", { seconds: 20 }, answer)).text;
    const later = next(prompt, ...called("wait", { seconds: 20 }, answer), user("Well?")).text;
    for (const text of [now, later]) {
      expect(text).toContain(`\`wait\` ${said}`);
      expect(text).not.toMatch(/\bdone\b|\bwaited\b/i);
    }
    expect(later).toContain("essay");
  });
});
