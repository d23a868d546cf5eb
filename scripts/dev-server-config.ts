import { isAbsolute, relative, resolve } from "node:path";
import { z } from "zod";

/** The parts of a langgraph.json that hold paths: https://docs.langchain.com/langsmith/cli#configuration-file */
const schema = z.looseObject({
  graphs: z.record(z.string(), z.union([z.string(), z.looseObject({ path: z.string() })])),
  env: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  auth: z.looseObject({ path: z.string().optional() }).optional(),
  http: z.looseObject({ app: z.string().optional() }).optional(),
  ui: z.record(z.string(), z.string()).optional(),
});

/** The same langgraph.json, good for a place at `to` instead of `from`; throws if it is none. */
export function devServerConfig(config: unknown, from: string, to: string): Record<string, unknown> {
  // The server takes absolute paths for relative ones.
  const move = (path: string) => (isAbsolute(path) ? relative(to, path) : relative(to, resolve(from, path)));
  const moveIn = <Key extends string>(value: { [key in Key]?: string } | undefined, key: Key) =>
    value?.[key] === undefined ? value : { ...value, [key]: move(value[key]) };
  const { graphs, env, auth, http, ui, ...rest } = schema.parse(config);
  return {
    ...rest,
    graphs: mapValues(graphs, (graph) => (typeof graph === "string" ? move(graph) : moveIn(graph, "path"))),
    env: typeof env === "string" ? move(env) : env,
    auth: moveIn(auth, "path"),
    http: moveIn(http, "app"),
    ui: ui && mapValues(ui, move),
  };
}

const mapValues = <In, Out>(record: Record<string, In>, map: (value: In) => Out): Record<string, Out> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
