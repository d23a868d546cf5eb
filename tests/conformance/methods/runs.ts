import type { Client, StreamMode } from "@langchain/langgraph-sdk";
import { all, type Case, graph, input, type Methods, same, type World } from "../case.ts";

const nobody = "00000000-0000-4000-8000-000000000000";

const streams = (streamMode: StreamMode | StreamMode[], more: Record<string, unknown> = {}): Case =>
  same(async (client, world) =>
    all(client.runs.stream(await world.thread(), graph, { input, streamMode, ...more } as never)),
  );

/** A run that has ended, and can be read again; its ids. */
async function ended(client: Client, world: World): Promise<[threadId: string, runId: string]> {
  const threadId = await world.thread();
  const { run_id: runId } = await client.runs.create(threadId, graph, { input, streamResumable: true });
  // The Python server repeats itself to who joins before the end; on the JS server its first reader decides whether it can be read again.
  if (world.server === "python") await client.runs.join(threadId, runId);
  else await all(client.runs.joinStream(threadId, runId, { lastEventId: "-1" }));
  return [threadId, runId];
}

/** A run in the middle of its reply; its ids. */
async function held(client: Client, { thread, model, mark }: World): Promise<[threadId: string, runId: string]> {
  const threadId = await thread();
  const script = model.script(`hold ${mark}`, { text: ["Once ", "upon ", "a time."], holdAfter: 2 });
  const { run_id: runId } = await client.runs.create(threadId, graph, {
    input: { messages: [{ role: "user", content: `hold ${mark}` }] },
    streamResumable: true,
  });
  await (await script.call(0)).held.opened;
  return [threadId, runId];
}

export const runs: Methods = {
  stream: {
    values: streams("values"),
    "all usual modes": streams(["values", "updates", "messages-tuple", "custom", "debug", "tasks", "checkpoints"]),
    messages: streams(["messages"]),
    "resumable, with subgraphs": streams(["updates", "messages-tuple"], {
      streamResumable: true,
      streamSubgraphs: true,
    }),
    "without a thread": same((client) => all(client.runs.stream(null, graph, { input, streamMode: ["values"] }))),
    "on a thread that isn't there": same((client) => all(client.runs.stream(nobody, graph, { input }))),
    "on one to be made": same((client, { mark }) =>
      all(client.runs.stream(mark, graph, { input, ifNotExists: "create" })),
    ),
    "of no graph": same(async (client, world) =>
      all(client.runs.stream(await world.thread(), "no_such_graph", { input })),
    ),
    "that fails": same(async (client, world) =>
      all(
        client.runs.stream(await world.thread(), graph, { input: { messages: [{ role: "nonsense", content: "" }] } }),
      ),
    ),
  },
  create: {
    "on a thread": same(async (client, world) => client.runs.create(await world.thread(), graph, { input })),
    "without a thread": same((client) => client.runs.create(null, graph, { input })),
    "on a thread that isn't there": same((client) => client.runs.create(nobody, graph, { input })),
    "while another goes on": same(async (client, world) => {
      const [threadId] = await held(world.direct, world);
      return await client.runs.create(threadId, graph, { input, multitaskStrategy: "reject" });
    }),
  },
  createBatch: { two: same((client) => client.runs.createBatch([1, 2].map(() => ({ assistantId: graph, input })))) },
  wait: {
    "on a thread": same(async (client, world) => client.runs.wait(await world.thread(), graph, { input })),
    "without a thread": same((client) => client.runs.wait(null, graph, { input })),
    "for one that fails": same(async (client, world) =>
      client.runs.wait(await world.thread(), graph, {
        input: { messages: [{ role: "nonsense", content: "" }] },
        raiseError: false,
      }),
    ),
    "on a thread that isn't there": same((client) => client.runs.wait(nobody, graph, { input })),
  },
  list: {
    "of one": same(async (client, world) => {
      const [threadId] = await ended(world.direct, world);
      return await client.runs.list(threadId);
    }),
    "of a thread that isn't there": same((client) => client.runs.list(nobody)),
  },
  get: {
    "that has ended": same(async (client, world) => client.runs.get(...(await ended(world.direct, world)))),
    "that isn't there": same(async (client, world) => client.runs.get(await world.thread(), nobody)),
  },
  cancel: {
    "in the middle": same(async (client, world) => client.runs.cancel(...(await held(client, world)))),
    "in the middle, and waits": same(async (client, world) => {
      const [threadId, runId] = await held(client, world);
      return await client.runs.cancel(threadId, runId, true);
    }),
    "in the middle, rolled back": same(async (client, world) => {
      const [threadId, runId] = await held(client, world);
      return await client.runs.cancel(threadId, runId, false, "rollback");
    }),
    "after its end": same(async (client, world) => client.runs.cancel(...(await ended(client, world)))),
    "of none": same(async (client, world) => client.runs.cancel(await world.thread(), nobody)),
  },
  cancelMany: {
    "of one": same(async (client, world) => {
      const [threadId, runId] = await held(client, world);
      return await client.runs.cancelMany({ threadId, runIds: [runId] });
    }),
    "of none": same((client) => client.runs.cancelMany({ threadId: nobody, runIds: [nobody] })),
  },
  join: {
    "after its end": same(async (client, world) => client.runs.join(...(await ended(world.direct, world)))),
    "of none": same(async (client, world) => client.runs.join(await world.thread(), nobody)),
  },
  joinStream: {
    "from the start, after its end": same(async (client, world) => {
      const [threadId, runId] = await ended(world.direct, world);
      return await all(client.runs.joinStream(threadId, runId, { lastEventId: "-1" }));
    }),
    "of none": same(async (client, world) => all(client.runs.joinStream(await world.thread(), nobody))),
    "without a thread": same(async (client, { direct }) => {
      const { run_id: runId } = await direct.runs.create(null, graph, { input, streamResumable: true });
      return await all(client.runs.joinStream(null, runId, { lastEventId: "-1" }));
    }),
    "of a thread's run, without it": same(async (client, world) => {
      const [, runId] = await ended(world.direct, world);
      return await all(client.runs.joinStream(null, runId, { lastEventId: "-1" }));
    }),
  },
  delete: {
    "that has ended": same(async (client, world) => client.runs.delete(...(await ended(world.direct, world)))),
    "of none": same(async (client, world) => client.runs.delete(await world.thread(), nobody)),
  },
};
