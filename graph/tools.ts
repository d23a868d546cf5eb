import { setTimeout as delay } from "node:timers/promises";
import { tool } from "@langchain/core/tools";
import { all, create, type FactoryFunctionMap } from "mathjs";
import { z } from "zod";

// `import` and the like would let an expression change the library itself:
// https://mathjs.org/docs/expressions/security.html
const math = create(all as FactoryFunctionMap);
const evaluate = math.evaluate;
const forbidden = () => {
  throw new Error("This function is not allowed here.");
};
math.import(
  {
    import: forbidden,
    createUnit: forbidden,
    evaluate: forbidden,
    parse: forbidden,
    simplify: forbidden,
    derivative: forbidden,
    resolve: forbidden,
    reviver: forbidden,
  },
  { override: true },
);

/** Evaluates an arithmetic expression; units and fractions included. */
export const calculate = tool(({ expression }) => String(evaluate(expression)), {
  name: "calculate",
  description: "Evaluate a mathematical expression, such as `2 * (3 + 4)` or `5 cm to inch`.",
  schema: z.object({ expression: z.string().describe("The expression to evaluate") }),
});

/** The wall-clock time in an IANA time zone, with its offset. */
export const currentTime = tool(
  ({ time_zone }) =>
    new Intl.DateTimeFormat("en-GB", { timeZone: time_zone, dateStyle: "full", timeStyle: "long" }).format(new Date()),
  {
    name: "current_time",
    description: "The current date and time in a time zone.",
    schema: z.object({ time_zone: z.string().describe("An IANA time zone, such as `Europe/Vienna`") }),
  },
);

/** Waits, and ends at once when the run is cancelled. */
export const wait = tool(
  async ({ seconds }, config) => {
    await delay(seconds * 1000, undefined, { signal: config.signal });
    return `Waited ${seconds} s.`;
  },
  {
    name: "wait",
    description: "Wait for a number of seconds.",
    schema: z.object({ seconds: z.number().min(0).max(600).describe("How long to wait, in seconds") }),
  },
);

export const tools = [calculate, currentTime, wait];
