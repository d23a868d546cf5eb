import { describe, expect, inject, it } from "vitest";
import { isAI, isTool, textOf } from "../../proxy/core/message.ts";
import { conversation, stop, useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";
import { expectShown, type Provider, providers, reasoningDeltas, talkThrough } from "../helpers/providers.ts";

interface Moment {
  reply: Reply;
  /** Held after so many deltas behind the reasoning, which providers tell in different ways. */
  held: number;
  /** What is kept of the text; none, if nothing is. */
  kept?: string;
  calls?: string[];
  /** Else all but the API that stores nothing, which streams as the one that does. */
  only?: readonly Provider[];
}

const reasoning = ["Let me ", "think."];
const call = (id: string) => ({ id, name: "probe", args: ['{"na', `me":"${id}"}`] });
const inWords: Provider[] = ["responses", "unstored", "anthropic"];

const moments: Record<string, Moment> = {
  "mid-text": { reply: { text: ["Crème 🐉 ", "of 👩‍🚀 ", "never said"] }, held: 2, kept: "Crème 🐉 of 👩‍🚀" },
  "mid-reasoning": { reply: { reasoning, text: ["never said"] }, held: -2 },
  "inside the signature": {
    reply: { reasoning, signature: ["ha", "lf"], text: ["never said"] },
    held: -1,
    only: ["anthropic"],
  },
  "behind the reasoning": { reply: { reasoning, text: ["never said"] }, held: 0 },
  "mid-text, behind reasoning": {
    reply: { reasoning, text: ["One \n", "two ", "three"] },
    held: 2,
    kept: "One \ntwo",
    only: providers,
  },
  "mid tool-call arguments": {
    reply: { reasoning, text: ["I ask. "], calls: [call("half")] },
    held: 3,
    kept: "I ask.",
  },
  "half a call behind a whole one": {
    reply: { reasoning, text: ["I ask. "], calls: [call("whole"), call("half")] },
    held: 6,
    kept: "I ask.",
    calls: ["whole"],
    only: providers,
  },
  "half a call behind a whole one, without a text": {
    reply: { reasoning, calls: [call("whole"), call("half")] },
    held: 5,
    kept: "",
    calls: ["whole"],
  },
  "a refusal": { reply: { refusal: ["I can't ", "say."] }, held: 2, kept: "I can't say.", only: inWords },
  "mid-refusal": { reply: { refusal: ["I can't ", "never said"] }, held: 1, kept: "I can't", only: ["anthropic"] },
  "mid-refusal, of which nothing is shown": { reply: { refusal: ["a", "b"] }, held: 1, only: ["chat", "responses"] },
};

const actions = ["interrupt", "rollback"] as const;

const flow = useFlow();
const { says, answered, goesOn } = talkThrough(flow);

const streamed = providers.filter((provider) => provider !== "unstored");

describe.concurrent.each(providers)("%s (cases 15, 17, 24)", (provider) => {
  const cells = Object.entries(moments)
    .filter(([, { only = streamed }]) => only.includes(provider))
    .flatMap(([moment, cell]) => actions.map((action) => ({ moment, action, ...cell })));

  it.each(cells)("$moment: $action", async ({ moment, action, reply, held, kept, calls = [] }) => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const prompt = `${provider} ${moment} ${action}`;
    const unique = { ...reply, signature: reply.signature?.map((part) => `${part}-${action}`) };
    const script = flow.model.script(prompt, { ...unique, holdAfter: reasoningDeltas(reply, provider) + held });
    const live = says({ threadId, prompt, provider });
    await (await script.call(0)).held.opened;
    // Of what the client has not been shown yet, a cut rightly keeps nothing.
    const last = calls.length > 0 ? '"id":"half"' : kept?.split(/\s/).at(-1);
    if (last) await live.showed(last);
    expect((await stop(flow.proxy.url, threadId, { action })).body.outcome).toBe("stopped");
    await live.ended;
    const messages = await conversation(flow.client, threadId);
    expect(textOf(messages[0]?.content)).toBe(prompt);
    expectShown(live, messages);
    const nothing = kept === undefined || (action === "rollback" && kept === "");
    expect(messages.filter(isAI).map(({ content }) => textOf(content))).toEqual(nothing ? [] : [kept]);
    expect(messages.filter(isTool).map(({ tool_call_id }) => tool_call_id)).toEqual(
      action === "interrupt" ? calls : [],
    );
    await goesOn(threadId, provider, prompt);
  });

  it.each(actions)("mid-text, behind a step with a tool: %s", async (action) => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const prompt = `${provider} steps ${action}`;
    const id = `${provider}_${action}`;
    flow.model.probe(id, "a dragon");
    const script = flow.model.script(
      prompt,
      { reasoning, text: ["I ask. "], calls: [call(id)] },
      { reasoning, text: ["It is ", "the dr"], holdAfter: reasoningDeltas({ reasoning }, provider) + 2 },
    );
    const live = says({ threadId, prompt, provider });
    await (await script.call(1)).held.opened;
    await live.showed("the dr");
    await stop(flow.proxy.url, threadId, { action });
    await live.ended;
    const messages = await conversation(flow.client, threadId);
    const replies = messages.filter(isAI);
    expect(replies.map(({ content }) => textOf(content).trimEnd())).toEqual(["I ask.", "It is the dr"]);
    // Of what is written, Python servers put the usage among the other fields.
    const usage = replies.map((reply) => reply.usage_metadata ?? reply.additional_kwargs?.usage_metadata);
    expect(usage[0]).toMatchObject({ output_tokens: expect.any(Number) });
    // Anthropic counts what it reads before it speaks; Python's class tells of it at the end.
    if (provider === "anthropic" && inject("server") === "js") expect(usage[1]).toMatchObject({ input_tokens: 7 });
    expect(messages.filter(isTool).map(({ content }) => content)).toEqual(action === "interrupt" ? ["a dragon"] : []);
    // What JS Anthropic's class says in a step with a tool, OpenAI's can't send on, cut or not.
    if (action === "interrupt" && provider === "anthropic") {
      await answered({ threadId, provider, prompt: `${prompt}, then` });
    } else await goesOn(threadId, provider, prompt);
  });
});
