import { randomUUID } from "node:crypto";
import type { ThreadState } from "@langchain/langgraph-sdk";
import { expect, inject, it } from "vitest";
import { textOf } from "../../proxy/core/message.ts";
import { conversation, useFlow } from "../helpers/flow.ts";
import { madeEven } from "./differences.ts";
import type { Exchange } from "./exchange.ts";
import { normaliser } from "./normal.ts";
import { raw } from "./raw.ts";

const flow = useFlow();
const langgraphUrl = inject("langgraphUrl");

/** As a page of Studio's asks: JSON that calls itself plain text. */
const headers = {
  origin: "https://smith.langchain.com",
  "content-type": "text/plain;charset=UTF-8",
  "x-auth-scheme": "langsmith",
  "x-api-key": "a developer's",
  "user-agent": "a browser",
};

/** One Studio, on a base URL of its own: all that it was answered, newest last. */
class Studio {
  readonly exchanges: Exchange[] = [];
  readonly #base: string;
  assistantId = "";
  threadId = "";

  constructor(base: string) {
    this.#base = base;
  }

  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const exchange = await raw(this.#base, { method, path, headers, body: body && JSON.stringify(body) });
    this.exchanges.push(exchange);
    return (/^[[{]/.test(exchange.body) ? JSON.parse(exchange.body) : undefined) as T;
  }

  async open(): Promise<void> {
    await this.ask("GET", "/info");
    const search = { limit: 10, offset: 0, metadata: { created_by: "system" }, graph_id: "nested" };
    const [found] = await this.ask<{ assistant_id: string }[]>("POST", "/assistants/search", search);
    this.assistantId = found?.assistant_id ?? "";
    this.threadId = (await this.ask<{ thread_id: string }>("POST", "/threads", { metadata: {} })).thread_id;
  }

  /** What stands in the logs of servers that it was opened on. */
  async draw(): Promise<void> {
    // On a busy machine the JS server takes minutes for them; they are compared among the SDK's methods.
    const slow = inject("server") === "python" ? ["/schemas", "/subgraphs?recurse=true"] : [];
    for (const path of ["", ...slow, "/graph?xray=true"]) {
      await this.ask("GET", `/assistants/${this.assistantId}${path}`);
    }
  }

  async say(content: string, checkpoint?: unknown): Promise<void> {
    await this.ask("POST", `/threads/${this.threadId}/runs/stream`, {
      assistant_id: this.assistantId,
      input: { messages: [{ type: "human", content }] },
      config: { configurable: {} },
      metadata: {},
      stream_mode: ["debug", "messages"],
      stream_subgraphs: true,
      checkpoint,
    });
  }

  /** Its steps, newest first. */
  async look(): Promise<ThreadState[]> {
    const thread = `/threads/${this.threadId}`;
    await this.ask("GET", `${thread}/state?subgraphs=true`);
    const steps = await this.ask<ThreadState[]>("POST", `${thread}/history`, { limit: 10 });
    await this.ask("POST", `${thread}/state/checkpoint`, { checkpoint: steps[0]?.checkpoint });
    await this.ask("GET", `${thread}/state/${steps[0]?.checkpoint.checkpoint_id}?subgraphs=true`);
    return steps;
  }
}

it("Studio looks at the graphs, talks and looks at the steps as on the server itself", async () => {
  flow.model.improvise = () => ({ text: ["Hello ", "there."] });
  const talk = async (base: string) => {
    const studio = new Studio(base);
    await studio.open();
    await studio.draw();
    await studio.say("hello");
    await studio.look();
    const looked = studio.exchanges.filter(({ request }) => /\/(state|history)/.test(request));
    expect(JSON.stringify(looked)).not.toContain("__fermata");
    return normaliser([langgraphUrl, flow.proxy.url])(madeEven(studio.exchanges));
  };
  const direct = await talk(langgraphUrl);
  const through = await talk(flow.proxy.url);
  expect(direct.map(({ status }) => status)).toEqual(direct.map(() => 200));
  expect(through).toEqual(direct);
});

it("Studio stops a run, sees what was kept, goes on, and forks from a step before", async () => {
  const studio = new Studio(flow.proxy.url);
  await studio.open();
  const prompt = randomUUID();
  const script = flow.model.script(`agent: ${prompt}`, { text: ["Once ", "upon ", "a time."], holdAfter: 2 });
  const streamed = studio.say(prompt);
  await (await script.call(0)).held.opened;
  const [run] = await flow.direct.runs.list(studio.threadId);
  await studio.ask("POST", `/threads/${studio.threadId}/runs/${run?.run_id}/cancel?wait=1&action=interrupt`);
  await streamed;
  const said = async () => (await conversation(flow.direct, studio.threadId)).map(({ content }) => textOf(content));
  expect(await said()).toEqual([prompt, "Once upon"]);
  const steps = await studio.look();
  flow.model.script("go on", { text: ["Gladly."] });
  await studio.say("go on");
  expect(await said()).toEqual([prompt, "Once upon", "go on", "Gladly.", "Gladly."]);
  const first = steps.at(-1);
  await studio.say("go on", first?.checkpoint);
  expect(await said()).toEqual(["go on", "Gladly.", "Gladly."]);
});
