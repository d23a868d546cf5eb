import { describe, expect, inject, it } from "vitest";
import { isAI, type Message, textOf } from "../../proxy/core/message.ts";
import { conversation, sdk, send, stop, useFlow } from "../helpers/flow.ts";
import type { Reply, Script } from "../helpers/model/script.ts";
import { expectShown, type Provider, providers, reasoningDeltas, talkThrough } from "../helpers/providers.ts";
import { startProxy } from "../helpers/proxy.ts";
import { startTearingRelay } from "../helpers/tearing-relay.ts";

const flow = useFlow();
const { says, goesOn } = talkThrough(flow);
const actions = ["interrupt", "rollback"] as const;

const newThread = async () => (await flow.client.threads.create()).thread_id;
const held = async (script: Script, step = 0) => await (await script.call(step)).held.opened;
const spoken = (messages: Message[]) => messages.filter(isAI).map(({ content }) => textOf(content));

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const images = [
  { what: "URL", image: { type: "image_url", image_url: { url: `data:image/png;base64,${pixel}` } }, asked: undefined },
  {
    what: "bytes",
    image: { type: "image", source_type: "base64", mime_type: "image/png", data: pixel },
    // LangChain's JS class for Responses sends these as chat completions have them.
    asked: "chat,anthropic",
  },
];

const reasoning = ["Let me ", "think."];
const halfSaid = (provider: Provider): Reply => ({
  reasoning,
  text: ["It is 🐉 ", "half ", "said"],
  holdAfter: reasoningDeltas({ reasoning }, provider) + 2,
});

const streamed = providers.filter((provider) => provider !== "unstored");

describe.concurrent.each(streamed)("%s", (provider) => {
  const rows = images
    .filter(({ asked = provider }) => asked.includes(provider))
    .flatMap((image) => actions.map((action) => ({ ...image, action })));

  it.each(rows)("an image's $what in the user's messages: $action", async ({ what, image, asked, action }) => {
    const threadId = await newThread();
    const turns = ["see", "and see"].map((prompt) => `${prompt} ${provider} ${what} ${action}`);
    const contents = turns.map((text) => [{ type: "text", text }, image]);
    flow.model.script(turns[0] ?? "", { text: ["I see."] });
    await says({ threadId, prompt: turns[0] ?? "", provider, content: contents[0] }).ended;
    const script = flow.model.script(turns[1] ?? "", halfSaid(provider));
    const live = says({ threadId, prompt: turns[1] ?? "", provider, content: contents[1] });
    await held(script);
    await live.showed("half");
    await stop(flow.proxy.url, threadId, { action });
    await live.ended;
    const messages = await conversation(flow.client, threadId);
    expect(messages.filter((message) => !isAI(message)).map(({ content }) => content)).toEqual(contents);
    expect(spoken(messages)).toEqual(["I see.", "It is 🐉 half"]);
    expectShown(live, messages);
    await goesOn(threadId, provider, turns[1] ?? "", asked);
  });

  it.each(actions)("a client that asks for whole messages and for tokens, and has a name: %s", async (action) => {
    const threadId = await newThread();
    const prompt = `both ${provider} ${action}`;
    const script = flow.model.script(prompt, halfSaid(provider));
    const input = { messages: [{ role: "user", name: "ann", content: prompt }] };
    const streamMode = ["values" as const, "messages" as const, "messages-tuple" as const];
    const live = says({ threadId, prompt, provider }, { streamMode, input });
    await held(script);
    await live.showed("half");
    await stop(flow.proxy.url, threadId, { action });
    await live.ended;
    const messages = await conversation(flow.client, threadId);
    expect(spoken(messages)).toEqual(["It is 🐉 half"]);
    expect(messages[0]).toMatchObject({ name: "ann", content: prompt });
    expectShown(live, messages);
    await goesOn(threadId, provider, prompt);
  });
});

it.each(actions)("bytes that come torn inside of characters: %s (case 25)", async (action) => {
  const relay = await startTearingRelay(inject("langgraphUrl"));
  const proxy = await startProxy(relay.url);
  const threadId = await newThread();
  const prompt = `torn 🐉 ${action}`;
  const script = flow.model.script(prompt, { text: ["Crème ", "🐉 👩‍🚀 brûlée", "never said"], holdAfter: 2 });
  const live = says({ threadId, prompt, provider: "chat" }, {}, sdk(proxy.url));
  await held(script);
  await live.showed("brûlée");
  await stop(proxy.url, threadId, { action });
  await live.ended;
  await proxy.close();
  await relay.close();
  const messages = await conversation(flow.client, threadId);
  expect(messages.map(({ content }) => content)).toEqual([prompt, "Crème 🐉 👩‍🚀 brûlée"]);
  expect([...live.shown().values()]).toEqual(["Crème 🐉 👩‍🚀 brûlée"]);
  await goesOn(threadId, "chat", prompt);
});

it("messages without ids, in a conversation without a reducer", async () => {
  const threadId = await newThread();
  const script = flow.model.script("no ids", { text: ["Half 🐉 ", "said"], holdAfter: 1 });
  const earlier = [
    { role: "user", content: [{ type: "text", text: "the first?" }] },
    { role: "assistant", content: "This one." },
  ];
  const input = { messages: [...earlier, { role: "user", content: "no ids" }] };
  const live = send(flow.client, threadId, "no ids", { graph: "no_reducer", input });
  await held(script);
  await live.showed("Half");
  await stop(flow.proxy.url, threadId);
  await live.ended;
  const { values } = await flow.client.threads.getState<{ messages: Message[] }>(threadId);
  expect(values.messages.map(({ content }) => textOf(content))).toEqual([
    "the first?",
    "This one.",
    "no ids",
    "Half 🐉",
  ]);
  flow.model.script("and then?", { text: ["Very well."] });
  const messages = [...values.messages, { role: "user", content: "and then?" }];
  const then = send(flow.client, threadId, "and then?", { graph: "no_reducer", input: { messages } });
  await then.ended;
  expect(then.parts.filter(({ event }) => event === "error")).toEqual([]);
});
