import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { useFlow } from "../helpers/flow.ts";
import { madeEven } from "./differences.ts";
import { normaliser } from "./normal.ts";
import { raw } from "./raw.ts";
import { routes } from "./routes.ts";

const flow = useFlow();
const langgraphUrl = inject("langgraphUrl");

/** A route as both servers' papers have it: parameters without a name of their own. */
const plain = (method: string, path: string) =>
  `${method.toUpperCase()} ${path.replace(/\?.*|\/$/g, "").replace(/:\w+|\{\w+\}/g, "*")}`;

/** The routes that this server says it has. */
async function ofServer(): Promise<string[]> {
  if (inject("server") === "python") {
    const { body } = await raw(langgraphUrl, { path: "/openapi.json" });
    const paths = Object.entries(JSON.parse(body).paths as Record<string, object>);
    return paths.flatMap(([path, methods]) => Object.keys(methods).map((method) => plain(method, path)));
  }
  const directory = resolve(import.meta.dirname, "../../node_modules/@langchain/langgraph-api/dist/api");
  const sources = readdirSync(directory).filter((file) => file.endsWith(".mjs"));
  const source = sources.map((file) => readFileSync(join(directory, file), "utf8")).join("\n");
  const declared = source.matchAll(/\bapi\.(get|post|put|patch|delete)\("([^"?]+)/g);
  return [...declared].map(([, method = "", path = ""]) => plain(method, path.replace(/\/:namespace$/, "")));
}

it("has every route of the server", async () => {
  const known = routes.map(([method, path]) => plain(method, path));
  const theirs = await ofServer();
  expect(theirs.length).toBeGreaterThan(30);
  expect(theirs.filter((route) => !known.includes(route))).toEqual([]);
});

/** Its stream has no end, whether there is such a thread or not. */
const endless = "/threads/:id/stream";

/** An id that is nobody's, and what is no id. */
const ids: Record<string, () => string> = {
  "an id that is nobody's": randomUUID,
  "no id": () => "nonsense",
  "an id with a blank": () => `%20${randomUUID()}`,
};

describe.concurrent.each(routes)("%s %s", (method, path, body) => {
  const [nobodys, ...none] = Object.entries(ids) as [[string, () => string]];
  const tried = path === endless ? none : path.includes(":id") ? [nobodys, ...none] : [nobodys];
  const cells = tried.flatMap(([name, id]) => ["", "/"].map((slash) => [name, slash, id] as const));
  it.each(cells)("of %s%s", async (_, slash, id) => {
    const one = id();
    const own = (text: string) => text.replaceAll(":id", one).replaceAll(":name", "none");
    const headers = { accept: "application/json", "user-agent": "a client", "content-type": "application/json" };
    const [route = "", query] = path.split("?");
    const asked = {
      method,
      path: own(query ? `${route}${slash}?${query}` : route + slash),
      headers,
      body: body === undefined ? undefined : own(body),
    };
    const sides = [langgraphUrl, flow.proxy.url].map((base) => raw(base, asked));
    const [direct, through] = (await Promise.all(sides)).map((exchange) =>
      normaliser([flow.proxy.url, langgraphUrl])(madeEven([exchange])),
    );
    expect(through).toEqual(direct);
  });
});
