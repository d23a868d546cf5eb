import { describe, expect, it } from "vitest";
import { isAskedAbout } from "../../proxy/core/approval.ts";
import type { Task } from "../../proxy/core/cut.ts";
import type { Message } from "../../proxy/core/message.ts";

const send = { id: "call_send", name: "send", args: { to: "Ada" } };
const look = { id: "call_look", name: "look", args: { at: "map" } };
const reply: Message = { type: "ai", id: "r", content: "May I?", tool_calls: [send, look] };

const asking = (value: unknown, task: Partial<Task> = {}): Task[] => [
  { id: "t", name: "approve", interrupts: [{ id: "i", value }], ...task },
];
const askedAbout = (value: unknown, task?: Partial<Task>) =>
  [send, look].filter((call) => isAskedAbout(call, reply, asking(value, task))).map(({ id }) => id);

it.each([
  ["its id", { question: "May I?", calls: [send] }, ["call_send"]],
  ["a tool call's id beside its question", { type: "tool_approval", tool_call_id: "call_look" }, ["call_look"]],
  ["its tool and arguments", { action: "approve", request: { name: "send", args: { to: "Ada" } } }, ["call_send"]],
  [
    "a review of all that needs one",
    { action_requests: [{ name: "send", args: { to: "Ada" } }] },
    ["call_send", "call_look"],
  ],
  ["the same from JS", { actionRequests: [{ name: "look", args: { at: "map" } }] }, ["call_send", "call_look"]],
])("a question names the call: %s", (_how, value, asked) => {
  expect(askedAbout(value)).toEqual(asked);
});

it.each([
  ["nothing of it", "May I?"],
  ["the tool, with other arguments", { name: "send", args: { to: "Bob" } }],
  ["calls of a subagent's", { action_requests: [{ name: "delete", args: {} }] }],
  ["a word that happens to be its id", { question: "call_send" }],
])("a question that names %s is no evidence", (_what, value) => {
  expect(askedAbout(value)).toEqual([]);
});

describe("where tools run, a tool may ask in the middle of its own work", () => {
  const places: [string, Partial<Task>][] = [
    ["their node", { name: "tools" }],
    ["a task of its own", { name: "run", path: ["__pregel_push", 0] }],
    [
      "a subgraph",
      { name: "agent", state: { values: {}, tasks: asking({ tool_call_id: "call_send" }, { name: "tools" }) } },
    ],
  ];

  it.each(places)("%s: a question that says for which call is no evidence", (_where, task) => {
    expect(askedAbout({ question: "Which Ada?", tool_call_id: "call_send" }, task)).toEqual([]);
    expect(askedAbout({ name: "send", args: { to: "Ada" } }, task)).toEqual([]);
  });

  it("one that shows the call as it stands in the reply is", () => {
    expect(askedAbout({ question: "May I?", calls: [send, look] }, { name: "tools" })).toEqual([
      "call_send",
      "call_look",
    ]);
  });
});
