import { expect } from "vitest";
import { type Message, textOf } from "../../proxy/core/message.ts";
import { type Asked, conversation, type Flow, type Live, send } from "./flow.ts";
import type { Reply } from "./model/script.ts";
import { providerViolations } from "./rules.ts";

export const providers = ["chat", "responses", "unstored", "anthropic"] as const;
export type Provider = (typeof providers)[number];

/**
 * Who is asked after the cut. Left out is what LangChain gets wrong with any
 * reply, cut or not: to a Responses API that stores, it names Anthropic's
 * messages, and those that were not stored.
 */
const next: Record<Provider, string> = {
  chat: "chat,responses,unstored,anthropic",
  responses: "responses,unstored,chat,anthropic",
  unstored: "unstored,chat,anthropic",
  anthropic: "anthropic,chat,unstored",
};

/** In how many deltas the provider tells the reasoning. */
export function reasoningDeltas({ reasoning, signature }: Reply, provider: Provider): number {
  if (!reasoning) return 0;
  if (provider === "chat") return reasoning.length;
  return reasoning.length + (provider === "anthropic" ? (signature?.length ?? 1) : 1);
}

/** What was shown of the turn stands in the thread word for word, once, under the id that was streamed. */
export function expectShown(live: Live, messages: Message[]): void {
  for (const [id, text] of live.shown()) {
    if (text.trim() === "") continue;
    const said = messages.filter((message) => message.id === id).map(({ content }) => textOf(content));
    expect(said).toEqual([text.trimEnd()]);
  }
}

interface Turn {
  threadId: string;
  prompt: string;
  /** One, or several with commas between. */
  provider: string;
  /** Of the user's message; the prompt, unless there is more to it. */
  content?: unknown;
}

/** Talks to the graph that has a model of each provider. */
export function talkThrough(flow: Flow) {
  const says = ({ prompt, provider, content = prompt, threadId }: Turn, asked: Asked = {}, client = flow.client) =>
    send(client, threadId, prompt, {
      graph: "providers",
      input: { messages: [{ role: "user", content }] },
      configurable: { provider },
      ...asked,
    });

  /** A whole turn; fails if the model refuses the thread. */
  async function answered(turn: Turn): Promise<void> {
    flow.model.script(turn.prompt, { text: ["Very well."] });
    const live = says(turn);
    await live.ended;
    expect(live.parts.filter(({ event }) => event === "error")).toEqual([]);
  }

  /** The next message is accepted by the same provider and by the others, or by those that are named. */
  async function goesOn(threadId: string, provider: Provider, prompt: string, asked = next[provider]): Promise<void> {
    const before = await conversation(flow.client, threadId);
    expect(providerViolations(before)).toEqual([]);
    await answered({ threadId, provider: asked, prompt: `${prompt}, then` });
    const after = await conversation(flow.client, threadId);
    expect(after.slice(0, before.length)).toEqual(before);
    expect(after.slice(before.length).map(({ content }) => textOf(content))).toEqual([`${prompt}, then`, "Very well."]);
  }

  return { says, answered, goesOn };
}
