import { expect, it } from "vitest";
import type { Message } from "../../proxy/core/message.ts";
import { send, stop, useFlow } from "../helpers/flow.ts";
import { cutEverywhere } from "../helpers/shape-cells.ts";
import { shapes } from "../helpers/shapes.ts";

const flow = useFlow();

cutEverywhere(flow, shapes);

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
