import type { Cron } from "@langchain/langgraph-sdk";
import { graph, input, type Methods, same, type World } from "../case.ts";

const yearly = { schedule: "0 0 1 1 *", input, timezone: "UTC" };

/** A cron of this side's own; where the server has none, an id that is nobody's. */
async function own({ direct, server, mark }: World): Promise<string> {
  if (server === "js") return "00000000-0000-4000-8000-000000000000";
  return ((await direct.crons.create(graph, { ...yearly, metadata: { mark } })) as unknown as Cron).cron_id;
}

export const crons: Methods = {
  create: { yearly: same((client, { mark }) => client.crons.create(graph, { ...yearly, metadata: { mark } })) },
  createForThread: {
    yearly: same(async (client, world) => client.crons.createForThread(await world.thread(), graph, yearly)),
  },
  update: { paused: same(async (client, world) => client.crons.update(await own(world), { enabled: false })) },
  delete: { "its own": same(async (client, world) => client.crons.delete(await own(world))) },
  search: {
    "its own": same(async (client, world) => {
      await own(world);
      return await client.crons.search({ metadata: { mark: world.mark } });
    }),
  },
  count: {
    "its own": same(async (client, world) => {
      await own(world);
      return await client.crons.count({ metadata: { mark: world.mark } });
    }),
  },
};
