import { Client } from "@langchain/langgraph-sdk";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { useFlow } from "../helpers/flow.ts";
import { type Case, type Methods, world } from "./case.ts";
import { differences, madeEven } from "./differences.ts";
import { type Exchange, recordingFetch } from "./exchange.ts";
import { assistants } from "./methods/assistants.ts";
import { crons } from "./methods/crons.ts";
import { runs } from "./methods/runs.ts";
import { store } from "./methods/store.ts";
import { threads } from "./methods/threads.ts";
import { ui } from "./methods/ui.ts";
import { normaliser } from "./normal.ts";

const flow = useFlow();
const server = inject("server");
const langgraphUrl = inject("langgraphUrl");
const table: Record<string, Methods> = { assistants, threads, runs, crons, store, "~ui": ui };

/** The methods of each part of the SDK's client. */
function methodsOfClient(): Record<string, string[]> {
  const parts = Object.entries(new Client({ apiKey: null })).filter(([, part]) => typeof part === "object");
  return Object.fromEntries(
    parts.map(([name, part]) => {
      const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(part)).filter((key) => key !== "constructor");
      return [name, methods.sort()];
    }),
  );
}

it("has a case for every method of the SDK's client", () => {
  const covered = Object.entries(table).map(([part, methods]) => [part, Object.keys(methods).sort()]);
  expect(Object.fromEntries(covered)).toEqual(methodsOfClient());
});

/** What a case puts on the wire of one side. */
async function exchanges({ call, compared }: Case, base: string): Promise<Exchange[]> {
  const recorder = recordingFetch(base);
  const client = new Client({
    apiUrl: base,
    apiKey: null,
    defaultHeaders: { origin: "https://smith.langchain.com" },
    callerOptions: { maxRetries: 0, fetch: recorder.fetch },
  });
  const result = await call(client, world(flow.direct, flow.model, server, base)).catch(refusal);
  await recorder.ended();
  const resolved = { request: "resolves to", status: 0, headers: {}, body: JSON.stringify(result) ?? "" };
  return compared === "result" ? [resolved] : recorder.exchanges;
}

/** What the SDK throws for an answer that is none of 2xx; that answer is on record. */
function refusal(error: Error): string {
  if (!/^HTTP \d/.test(error.message)) throw error;
  return error.message.slice(0, 8);
}

/** What is left to compare when all that may differ is even, and ids and times have names. */
const even = (exchanges: Exchange[], differing = differences) =>
  normaliser([flow.proxy.url, langgraphUrl])(madeEven(exchanges, differing));

const pairs: [through: Exchange[], direct: Exchange[]][] = [];

const cases = Object.entries(table).flatMap(([part, methods]) =>
  Object.entries(methods).flatMap(([method, tried]) =>
    Object.entries(tried).map(([name, one]) => [`${part}.${method}, ${name}`, one] as const),
  ),
);

describe.concurrent("through the proxy as without it", () => {
  beforeAll(() => {
    flow.model.improvise = () => ({ text: ["Hello ", "there."] });
  });

  const due = cases.filter(([, { slowOnJs }]) => !slowOnJs || server === "python" || process.env.ALL_CELLS);
  it.each(due)(
    "%s",
    async (_, tried) => {
      const [direct, through] = await Promise.all([exchanges(tried, langgraphUrl), exchanges(tried, flow.proxy.url)]);
      pairs.push([through, direct]);
      expect(even(through)).toEqual(even(direct));
    },
    90_000,
  );
});

it.each(differences)("differs still: $why", (difference) => {
  const isHere = difference.on === undefined || difference.on === server;
  const others = differences.filter((other) => other !== difference);
  const found = pairs.some(
    ([through, direct]) => JSON.stringify(even(through, others)) !== JSON.stringify(even(direct, others)),
  );
  if (difference.on !== "sometimes") expect(found).toBe(isHere);
});
