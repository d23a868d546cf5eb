import { describe, expect, inject, it } from "vitest";
import { isAI, isTool, type Message, textOf } from "../../proxy/core/message.ts";
import { conversation, runStart, stop, useFlow } from "../helpers/flow.ts";
import type { Reply, Script } from "../helpers/model/script.ts";
import { type Provider, providers, reasoningDeltas, talkThrough } from "../helpers/providers.ts";

const flow = useFlow();
const { goesOn } = talkThrough(flow);
const actions = ["interrupt", "rollback"] as const;

const newThread = async () => (await flow.client.threads.create()).thread_id;
const held = async (script: Script, step = 0) => await (await script.call(step)).held.opened;
const spoken = (messages: Message[]) => messages.filter(isAI).map(({ content }) => textOf(content));

const reasoning = ["Let me ", "think."];
const halfSaid = (provider: Provider): Reply => ({
  reasoning,
  text: ["It is 🐉 ", "half ", "said"],
  holdAfter: reasoningDeltas({ reasoning }, provider) + 2,
});

const streamed = providers.filter((provider) => provider !== "unstored");

/** A Python server's run of the v2 protocol tells nothing of a reply over Responses until it is whole. */
const speakers = inject("server") === "js" ? streamed : streamed.filter((provider) => provider !== "responses");

describe.concurrent.each(speakers)("a run of the v2 protocol, %s", (provider) => {
  it.each(actions)("mid-text behind a step with a tool: %s", async (action) => {
    const threadId = await newThread();
    const prompt = `v2 ${provider} ${action}`;
    const calls = [{ id: `v2_${provider}_${action}`, name: "probe", args: ['{"na', `me":"v2_${provider}"}`] }];
    flow.model.probe(`v2_${provider}`, "a dragon");
    // LangChain's class for Responses sends the reasoning of such a run back without its id, cut or not.
    const thoughts = provider === "responses" ? {} : { reasoning };
    const asked = provider === "responses" || action === "rollback" ? undefined : provider;
    const script = flow.model.script(prompt, { ...thoughts, text: ["I ask."], calls }, halfSaid(provider));
    const runId = await runStart(flow.proxy.url, threadId, startOf(provider, prompt));
    await held(script, 1);
    await told(threadId, runId, "half ");
    await stop(flow.proxy.url, threadId, { action });
    const messages = await conversation(flow.client, threadId);
    expect(spoken(messages)).toEqual(["I ask.", "It is 🐉 half"]);
    expect(messages.filter(isTool).map(({ content }) => content)).toEqual(action === "interrupt" ? ["a dragon"] : []);
    await goesOn(threadId, provider, prompt, asked);
  });

  it.each(actions)("half a call behind a whole one: %s", async (action) => {
    const threadId = await newThread();
    const prompt = `v2 calls ${provider} ${action}`;
    const calls = ["whole", "half"].map((id) => ({ id, name: "probe", args: ['{"na', 'me":', '"x"}'] }));
    const holdAfter = reasoningDeltas({ reasoning }, provider) + 8;
    const script = flow.model.script(prompt, { reasoning, text: ["I ask. "], calls, holdAfter });
    const runId = await runStart(flow.proxy.url, threadId, startOf(provider, prompt));
    await held(script);
    await told(threadId, runId, '"id":"half"');
    await stop(flow.proxy.url, threadId, { action });
    const messages = await conversation(flow.client, threadId);
    expect(spoken(messages)).toEqual(["I ask."]);
    const answers = messages.filter(isTool).map(({ tool_call_id }) => tool_call_id);
    expect(answers).toEqual(action === "interrupt" ? ["whole"] : []);
    await goesOn(threadId, provider, prompt);
  });
});

/** The run's stream has come to it. */
async function told(threadId: string, runId: string, needle: string): Promise<void> {
  for await (const part of flow.client.runs.joinStream(threadId, runId, { lastEventId: "-1" })) {
    if (JSON.stringify(part.data).includes(needle)) return;
  }
}

const startOf = (provider: Provider, prompt: string) => ({
  assistant_id: "providers",
  input: { messages: [{ role: "user", content: prompt }] },
  config: { configurable: { provider } },
});
