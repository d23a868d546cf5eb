import { describe, expect, inject, it } from "vitest";
import { isAI, type Message, messagesIn, textOf } from "../../proxy/core/message.ts";
import { send, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";
import { dirt } from "../storm/verdict.ts";

/** A graph, who speaks in it in which order, and who of them has tools. */
interface Shape {
  graph: string;
  speakers: string[];
  tools?: string;
  /** What these say is not the conversation's. */
  inward?: string[];
  key?: string;
  /** The speakers of the first step speak at once. */
  atOnce?: number;
}

const shapes: Shape[] = [
  { graph: "react", speakers: ["agent"], tools: "agent" },
  { graph: "create_agent", speakers: ["agent"], tools: "agent" },
  { graph: "nested", speakers: ["agent", "writer"], tools: "agent" },
  { graph: "own_state", speakers: ["thinker", "writer"], inward: ["thinker"] },
  { graph: "subagent", speakers: ["agent"], tools: "agent" },
  { graph: "two_models", speakers: ["left", "right"], atOnce: 2 },
  { graph: "branches", speakers: ["slow"] },
  { graph: "pipeline", speakers: ["draft", "review", "publish"] },
  { graph: "supervisor", speakers: ["supervisor", "worker"] },
  { graph: "other_key", speakers: ["agent"], key: "dialogue" },
  { graph: "no_conversation", speakers: ["essayist", "shortener"], inward: ["essayist", "shortener"] },
];

/** Where a run is cut: what the speaker who is held says, and after how many chunks it is held. */
const moments: Record<string, Reply> = {
  "started, no token": { text: ["never said"], holdAfter: 0 },
  "mid-reasoning": { reasoning: ["Let ", "me ", "think."], text: ["never said"], holdAfter: 2 },
  "mid-text": { text: ["Half ", "🐉 of ", "it ", "never said"], holdAfter: 3 },
  "mid tool-call arguments": {
    text: ["Let me ask. "],
    calls: [{ id: "half", name: "probe", args: ['{"na', 'me":"x"}'] }],
    holdAfter: 3,
  },
  "on the last token": { text: ["All ", "of ", "it."], holdAfter: 3 },
};

const actions = [
  { action: "interrupt", keep: "partial" },
  { action: "interrupt", keep: "nothing" },
  { action: "rollback", keep: "partial" },
  { action: "rollback", keep: "nothing" },
] as const;

const flow = useFlow();
const exact = inject("server") === "js";

const inputFor = ({ graph, key = "messages" }: Shape, text: string) =>
  graph === "no_conversation" ? { topic: text } : { [key]: [{ role: "user", content: text }] };

/** Starts a run on a thread with an earlier turn; resolves when the speaker at `step` is held. */
async function reach(shape: Shape, step: number, prompt: string, held: Reply) {
  const { thread_id: threadId } = await flow.client.threads.create();
  await turn(shape, threadId, `earlier, ${prompt}`);
  const before = await flow.client.threads.getState(threadId);
  const [first, ...scripts] = shape.speakers.map((speaker, at) => {
    const isHeld = at === step || (at < (shape.atOnce ?? 0) && step === 0);
    return flow.model.script(`${speaker}: ${prompt}`, isHeld ? held : { text: [`${speaker} has spoken.`] });
  });
  // A subgraph's tokens are shown to those who ask for them; what nobody was shown nobody keeps.
  const live = send(flow.client, threadId, prompt, {
    graph: shape.graph,
    input: inputFor(shape, prompt),
    streamSubgraphs: true,
  });
  const waitFor = step === 0 ? first : scripts[step - 1];
  await (await waitFor?.call(0))?.held.opened;
  if (shape.atOnce) await (await scripts[0]?.call(0))?.held.opened;
  return { threadId, before, live };
}

/** A whole turn, in which everyone says the same; fails if it doesn't end well. */
async function turn(shape: Shape, threadId: string, prompt: string): Promise<Message[]> {
  flow.model.script(prompt, { text: ["Very well."] });
  const live = send(flow.client, threadId, prompt, { graph: shape.graph, input: inputFor(shape, prompt) });
  await live.ended;
  expect(live.parts.filter(({ event }) => event === "error")).toEqual([]);
  const { values, next } = await flow.client.threads.getState(threadId);
  expect(next).toEqual([]);
  return messagesIn(values, shape.key ?? "messages");
}

const spoken = (messages: Message[]) => messages.filter(isAI).map(({ content }) => textOf(content));

describe.concurrent.each(shapes)("$graph", (shape) => {
  const steps = shape.atOnce ? [0] : shape.speakers.map((_, step) => step);
  const cells = steps.flatMap((step) =>
    Object.keys(moments)
      .filter((moment) => moment !== "mid tool-call arguments" || shape.speakers[step] === shape.tools)
      .flatMap((moment) => actions.map((how) => ({ step, speaker: shape.speakers[step], moment, ...how }))),
  );

  it.each(cells)("$speaker, $moment: $action, keep $keep", async ({ step, moment, action, keep }) => {
    const prompt = `${shape.graph} ${step} ${moment} ${action} ${keep}`;
    const { threadId, before, live } = await reach(shape, step, prompt, moments[moment] ?? {});
    const { body } = await stop(flow.proxy.url, threadId, { action, keep });
    await live.ended;
    expect(body.outcome).toBe("stopped");
    const { values, next } = await flow.client.threads.getState(threadId);
    const messages = messagesIn(values, shape.key ?? "messages");
    const earlier = messagesIn(before.values, shape.key ?? "messages");
    expect(next).toEqual([]);
    expect(messages.slice(0, earlier.length)).toEqual(earlier);
    expect(dirt(messages, flow.model, performance.now(), exact)).toEqual([]);
    if (action === "rollback" && keep === "nothing") {
      expect(values).toEqual(before.values);
      expect(body.input).toMatchObject(inputFor(shape, prompt));
    } else {
      expect(spoken(messages.slice(earlier.length))).toEqual(whatStays(shape, step, moment, keep));
    }
    expect((await turn(shape, threadId, `then, ${prompt}`)).length).toBeGreaterThanOrEqual(messages.length);
  });
});

/** What the assistant has said in the turn, by the promises. */
function whatStays(shape: Shape, step: number, moment: string, keep: string): string[] {
  const inward = (speaker: string | undefined) => shape.inward?.includes(speaker ?? "") ?? false;
  const finished = shape.speakers.slice(0, step).filter((speaker) => !inward(speaker));
  const said = (moments[moment]?.text ?? []).slice(0, moments[moment]?.holdAfter).join("");
  const cut = moment === "mid-reasoning" ? "" : said.trimEnd();
  const replies = cut === "" || keep === "nothing" || inward(shape.speakers[step]) ? [] : [cut];
  return [
    ...finished.map((speaker) => `${speaker} has spoken.`),
    ...replies.flatMap((text) => Array(shape.atOnce ?? 1).fill(text)),
  ];
}

it("a conversation without a reducer keeps what was there, though each write replaces it", async () => {
  const { thread_id: threadId } = await flow.client.threads.create();
  const script = flow.model.script("and the second?", { text: ["Half ", "of ", "it"], holdAfter: 2 });
  const messages = [
    { role: "user", content: "the first?" },
    { role: "assistant", content: "This one." },
    { role: "user", content: "and the second?" },
  ];
  const live = send(flow.client, threadId, "", { graph: "no_reducer", input: { messages } });
  await (await script.call(0)).held.opened;
  await stop(flow.proxy.url, threadId);
  await live.ended;
  const { values, next } = await flow.client.threads.getState<{ messages: Message[] }>(threadId);
  expect(next).toEqual([]);
  expect(values.messages.map(({ content }) => content)).toEqual([
    "the first?",
    "This one.",
    "and the second?",
    "Half of",
  ]);
});
