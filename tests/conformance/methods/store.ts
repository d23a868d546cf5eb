import { type Methods, same, type World } from "../case.ts";

const put = ({ direct, mark }: World, key = "a", value: Record<string, unknown> = { words: "of old", half: 0.5 }) =>
  direct.store.putItem([mark, "notes"], key, value);

export const store: Methods = {
  putItem: {
    "a new one": same((client, { mark }) => client.store.putItem([mark, "notes"], "a", { words: "ö 🐉", one: 1 })),
    "a large one": same((client, { mark }) =>
      client.store.putItem([mark, "notes"], "large", { words: "long ".repeat(400_000) }),
    ),
  },
  getItem: {
    "that is there": same(async (client, world) => {
      await put(world);
      return await client.store.getItem([world.mark, "notes"], "a");
    }),
    "a large one": same(async (client, world) => {
      await put(world, "large", { words: "long ".repeat(400_000) });
      return await client.store.getItem([world.mark, "notes"], "large");
    }),
    "that isn't": same((client, { mark }) => client.store.getItem([mark, "notes"], "b")),
  },
  deleteItem: {
    "that is there": same(async (client, world) => {
      await put(world);
      return await client.store.deleteItem([world.mark, "notes"], "a");
    }),
  },
  searchItems: {
    filtered: same(async (client, world) => {
      await put(world);
      await put(world, "b", { words: "other" });
      return await client.store.searchItems([world.mark], { filter: { words: "other" } });
    }),
  },
  listNamespaces: {
    "under a prefix": same(async (client, world) => {
      await put(world);
      return await client.store.listNamespaces({ prefix: [world.mark] });
    }),
  },
};
