import { Client } from "@langchain/langgraph-sdk";
import { WebSocket } from "undici";
import { type Case, graph, input, type Methods, same } from "../case.ts";

const nobody = "00000000-0000-4000-8000-000000000000";

const said = (text: string) => ({ messages: [{ role: "ai", content: text, id: "said" }] });

/** A v2 thread's run from its start to its end, as the page sees it. */
const talk = (transport: "sse" | "websocket"): Case => ({
  compared: "result",
  async call(_, world) {
    const threadId = await world.thread();
    const webSocketFactory = (url: string) => new WebSocket(url) as unknown as globalThis.WebSocket;
    const client = new Client({ apiUrl: world.base, apiKey: null });
    const stream = client.threads.stream(threadId, { assistantId: graph, transport, webSocketFactory });
    const messages: string[] = [];
    const reading = (async () => {
      for await (const message of stream.messages) messages.push(await message.text);
    })();
    await stream.run.start({ input });
    const output = await stream.output;
    await stream.close();
    await reading;
    return { messages, output };
  },
});

export const threads: Methods = {
  create: {
    "a new one": same((client, { mark }) => client.threads.create({ metadata: { mark }, graphId: graph })),
    "that is there already": same(async (client, world) => client.threads.create({ threadId: await world.thread() })),
    "with steps of its own": same((client) =>
      client.threads.create({
        graphId: graph,
        supersteps: [{ updates: [{ values: said("Once."), asNode: "agent" }] }],
      }),
    ),
  },
  get: {
    "with a turn": same(async (client, world) => client.threads.get(await world.turn())),
    "that isn't there": same((client) => client.threads.get(nobody)),
    "by what is no id": same((client) => client.threads.get("nonsense")),
  },
  copy: {
    "with a turn": same(async (client, world) => client.threads.copy(await world.turn())),
  },
  update: {
    "its metadata": same(async (client, world) =>
      client.threads.update(await world.thread(), { metadata: { mark: world.mark, colour: "red" } }),
    ),
    "with a bare answer": same(async (client, world) =>
      client.threads.update(await world.thread(), { metadata: { colour: "red" }, returnMinimal: true }),
    ),
  },
  delete: {
    "with a turn": same(async (client, world) => client.threads.delete(await world.turn())),
    "that isn't there": same((client) => client.threads.delete(nobody)),
  },
  prune: { "its own": same(async (client, world) => client.threads.prune([await world.turn()])) },
  search: {
    "with pages": same(async (client, world) => {
      for (let made = 0; made < 3; made += 1) await world.thread();
      return await client.threads.search({ metadata: { mark: world.mark }, limit: 2, sortBy: "created_at" });
    }),
    "by its state": same(async (client, world) => {
      await world.turn();
      return await client.threads.search({ metadata: { mark: world.mark }, status: "idle", limit: 1 });
    }),
  },
  count: {
    "its own": same(async (client, world) => {
      await world.thread();
      return await client.threads.count({ metadata: { mark: world.mark } });
    }),
  },
  getState: {
    "of a turn": same(async (client, world) => client.threads.getState(await world.turn())),
    "with subgraphs": same(async (client, world) =>
      client.threads.getState(await world.turn(), undefined, { subgraphs: true }),
    ),
    "at a checkpoint": same(async (client, world) => {
      const threadId = await world.turn();
      const { checkpoint } = await world.direct.threads.getState(threadId);
      await client.threads.getState(threadId, checkpoint.checkpoint_id ?? "");
      return await client.threads.getState(threadId, checkpoint);
    }),
    "of a thread without any": same(async (client, world) => client.threads.getState(await world.thread())),
    "of none": same((client) => client.threads.getState(nobody)),
  },
  updateState: {
    "as a node": same(async (client, world) => {
      const threadId = await world.turn();
      await client.threads.updateState(threadId, { values: said("Again."), asNode: "agent" });
      return await client.threads.getState(threadId);
    }),
    "as no node there is": same(async (client, world) =>
      client.threads.updateState(await world.turn(), { values: said("Again."), asNode: "no_such_node" }),
    ),
  },
  patchState: {
    metadata: same(async (client, world) => client.threads.patchState(await world.turn(), { colour: "red" })),
  },
  getHistory: {
    "of a turn": same(async (client, world) => client.threads.getHistory(await world.turn(), { limit: 2 })),
  },
  joinStream: {
    "for one run": same(async (client, world) => {
      const threadId = await world.thread();
      const { run_id: runId } = await world.direct.runs.create(threadId, graph, { input, streamResumable: true });
      await world.direct.runs.join(threadId, runId);
      const leave = new AbortController();
      for await (const part of client.threads.joinStream(threadId, { lastEventId: "0-0", signal: leave.signal })) {
        if (JSON.stringify(part).includes("run_done")) leave.abort();
      }
    }),
  },
  stream: { "over server-sent events": talk("sse"), "over a WebSocket": talk("websocket") },
};
