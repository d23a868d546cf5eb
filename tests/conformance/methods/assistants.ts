import type { Client } from "@langchain/langgraph-sdk";
import { graph, type Methods, same, type World } from "../case.ts";

const create = (client: Client, { mark }: World) =>
  client.assistants.create({ graphId: graph, name: `of ${mark}`, metadata: { mark }, config: { tags: ["a"] } });

const own = async (world: World) => (await create(world.direct, world)).assistant_id;
const nobody = "00000000-0000-4000-8000-000000000000";

export const assistants: Methods = {
  create: {
    "a new one": same(create),
    "of no graph": same((client) => client.assistants.create({ graphId: "no_such_graph" })),
    "that is there already": same(async (client, world) =>
      client.assistants.create({ graphId: graph, assistantId: await own(world), ifExists: "raise" }),
    ),
  },
  get: {
    "by id": same(async (client, world) => client.assistants.get(await own(world))),
    "by the graph's name": same((client) => client.assistants.get(graph)),
    "that isn't there": same((client) => client.assistants.get(nobody)),
  },
  getGraph: {
    plain: same((client) => client.assistants.getGraph(graph)),
    xray: same((client) => client.assistants.getGraph("nested", { xray: true })),
  },
  getSchemas: {
    plain: { call: (client) => client.assistants.getSchemas(graph), slowOnJs: true },
    "of none": same((client) => client.assistants.getSchemas(nobody)),
  },
  getSubgraphs: {
    plain: { call: (client) => client.assistants.getSubgraphs("nested"), slowOnJs: true },
    "of a namespace": {
      call: (client) => client.assistants.getSubgraphs("nested", { namespace: "researcher", recurse: true }),
      slowOnJs: true,
    },
    "of none": same((client) => client.assistants.getSubgraphs(nobody)),
  },
  update: {
    "its name": same(async (client, world) => client.assistants.update(await own(world), { name: "another" })),
  },
  delete: {
    "its own": same(async (client, world) => client.assistants.delete(await own(world))),
    "that isn't there": same((client) => client.assistants.delete(nobody)),
  },
  search: {
    "with pages": same(async (client, world) => {
      for (let made = 0; made < 3; made += 1) await own(world);
      const metadata = { mark: world.mark };
      await client.assistants.search({ metadata, limit: 2, includePagination: true });
      return await client.assistants.search({ metadata, limit: 2, offset: 2, includePagination: true });
    }),
    "that makes no sense": same((client) => client.assistants.search({ limit: -1 })),
  },
  count: {
    "its own": same(async (client, world) => {
      await own(world);
      return await client.assistants.count({ metadata: { mark: world.mark } });
    }),
  },
  getVersions: {
    "of two": same(async (client, world) => {
      const id = await own(world);
      await world.direct.assistants.update(id, { name: "another" });
      return await client.assistants.getVersions(id);
    }),
  },
  setLatest: {
    "the first again": same(async (client, world) => {
      const id = await own(world);
      await world.direct.assistants.update(id, { name: "another" });
      return await client.assistants.setLatest(id, 1);
    }),
  },
};
