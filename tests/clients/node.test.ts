import { describe, expect, inject, it, vi } from "vitest";
import { conversation, outline, useFlow } from "../helpers/flow.ts";
import { type NodeClient, nodeClients } from "./node-clients.ts";

const flow = useFlow();
const isPython = inject("server") === "python";

describe.concurrent.each(nodeClients)("$name", (client) => {
  const { leaving } = client;

  it.each(["text", "tools"])("is stopped in its %s, in two turns, and twice quickly", async (place) => {
    const { thread_id: threadId } = await flow.client.threads.create();
    for (const nth of ["first", "second"]) {
      const text = `${nth} ${place}, ${client.name}`;
      const probe = text.replace(/\W+/g, "_");
      const call = { id: probe, name: "probe", args: [JSON.stringify({ name: probe })] };
      if (place === "tools") flow.model.script(text, { calls: [call] });
      const { turn, runId } = await (place === "text"
        ? inMidText(client, threadId, text)
        : begun(client, threadId, text));
      if (place === "tools") await flow.model.probe(probe).started.opened;
      await Promise.all([1, 2].map(() => client.stop(flow.proxy.url, threadId, runId, turn)));
      await turn.ended;
      if (leaving === "stops later") continue;
      // A client that only hangs up is told nothing; its read waits.
      const cut = place === "text" ? "ai: Once upon a" : expect.stringContaining(`tool: [${probe}]`);
      expect(outline(await conversation(flow.client, threadId)).at(-1)).toEqual(cut);
    }
    const last = flow.model.script(`last ${place}, ${client.name}`, { text: ["Gladly."] });
    await client.send(flow.proxy.url, threadId, `last ${place}, ${client.name}`).ended;
    const messages = await conversation(flow.client, threadId);
    const cut = place === "text" ? ["ai"] : ["ai", "tool"];
    expect(messages.map(({ type }) => type)).toEqual(["human", ...cut, "human", ...cut, "human", "ai"]);
    if (place === "text") expect(outline(messages).filter((line) => line === "ai: Once upon a")).toHaveLength(2);
    expect(new Set(messages.map((message) => message.id)).size).toBe(messages.length);
    expect(last.calls).toHaveLength(1);
  });

  if (!process.env.ALL_CLIENTS) return;

  it("leaves, comes back, and is stopped then, or was stopped by it", async () => {
    const { threadId, turn, runId, text } = await inMidText(client, await thread(), `back, ${client.name}`);
    turn.leave();
    await turn.ended;
    const reader = client.join(flow.proxy.url, threadId, runId);
    await reader.showed('"a "');
    if (leaving !== "stops") await client.stop(flow.proxy.url, threadId, runId, reader);
    await reader.ended;
    await goesOn(client, threadId, text, ["ai: Once upon a"]);
  });

  it("has a second reader: that sees the end, too", async () => {
    const { threadId, turn, runId, text, call } = await inMidText(client, await thread(), `two, ${client.name}`);
    const reader = client.join(flow.proxy.url, threadId, runId);
    await reader.showed('"a "');
    await client.stop(flow.proxy.url, threadId, runId, turn);
    await turn.ended;
    // Somebody still reads: the run goes on.
    if (leaving === "stops later") call.release();
    await reader.ended;
    await goesOn(client, threadId, text, [leaving === "stops later" ? "ai: Once upon a time." : "ai: Once upon a"]);
  });

  /** In mid-text, another message is sent: the Python server lets it wait for its turn, the JS server takes none. */
  async function inMidTextAndAsked(what: string) {
    const begun = await inMidText(client, await thread(), `${what}, ${client.name}`);
    const meanwhile = `meanwhile, ${begun.text}`;
    flow.model.script(meanwhile, { text: ["Gladly."] });
    const { ended } = client.send(flow.proxy.url, begun.threadId, meanwhile);
    const waits = async () => (await flow.direct.runs.list(begun.threadId)).length === 2;
    if (isPython) await vi.waitUntil(waits, 15_000);
    else await expect(ended).rejects.toThrow(/422/);
    const turn = { asked: [`human: ${meanwhile}`], answered: [`human: ${meanwhile}`, "ai: Gladly."] };
    return { ...begun, meanwhile: isPython ? turn : { asked: [], answered: [] }, over: isPython ? ended : undefined };
  }

  it("is sent a message while it streams", async () => {
    const { threadId, turn, text, call, meanwhile, over } = await inMidTextAndAsked("now");
    call.release();
    await Promise.all([turn.ended, over]);
    await goesOn(client, threadId, text, ["ai: Once upon a time.", ...meanwhile.answered]);
  });

  const ofThread = client.name.includes("/stop");
  it("is sent a message while it streams, and stopped then", async () => {
    const { threadId, turn, runId, text, call, meanwhile, over } = await inMidTextAndAsked("both");
    await client.stop(flow.proxy.url, threadId, runId, turn);
    const goesOnUnseen = isPython && leaving === "stops later";
    if (goesOnUnseen) call.release();
    await Promise.all([turn.ended, over]);
    const cut = ["ai: Once upon a"];
    if (goesOnUnseen) await goesOn(client, threadId, text, ["ai: Once upon a time.", ...meanwhile.answered]);
    else if (!isPython) await goesOn(client, threadId, text, cut);
    // The thread's own Stop is for the message that waits, too. Any other lets it have its turn, before the text can be put in its place.
    else await goesOn(client, threadId, text, ofThread ? [...cut, ...meanwhile.asked] : meanwhile.answered);
  });
});

const thread = async () => (await flow.client.threads.create()).thread_id;

async function begun(client: NodeClient, threadId: string, text: string) {
  const turn = client.send(flow.proxy.url, threadId, text);
  return { turn, runId: await turn.runId };
}

/** A turn of which three tokens are shown. */
async function inMidText(client: NodeClient, threadId: string, text: string) {
  const script = flow.model.script(text, { text: ["Once ", "upon ", "a ", "time."], holdAfter: 3 });
  const { turn, runId } = await begun(client, threadId, text);
  const call = await script.call(0);
  await turn.showed('"a "');
  return { threadId, turn, runId, text, call };
}

/** The next message is answered, and this is what was said after `text`. */
async function goesOn(client: NodeClient, threadId: string, text: string, said: string[]): Promise<void> {
  flow.model.script(`next, ${text}`, { text: ["Gladly."] });
  await client.send(flow.proxy.url, threadId, `next, ${text}`).ended;
  const lines = outline(await conversation(flow.client, threadId));
  expect(lines).toEqual([`human: ${text}`, ...said, `human: next, ${text}`, "ai: Gladly."]);
}
