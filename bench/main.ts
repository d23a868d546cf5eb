import { parseArgs } from "node:util";
import { forwarding } from "./forwarding.ts";
import { longRuns } from "./long-runs.ts";
import { stepwise } from "./stepwise.ts";
import { stops } from "./stops.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: "string", default: "4" }, window: { type: "string", default: "120" } },
});

const benchmarks: Record<string, () => Promise<string>> = {
  forwarding,
  stops,
  stepwise,
  "long-runs": () => longRuns({ minutes: Number(values.minutes), window: Number(values.window) }),
};

/**
 * `npm run bench [-- forwarding|stops|stepwise|long-runs …]`: each contestant in turn, in one run. What talks to a
 * LangGraph server takes the JS one, or the Python one that `PYTHON_LANGGRAPH` names.
 */
async function main(): Promise<number> {
  const wanted = positionals.length > 0 ? positionals : Object.keys(benchmarks);
  const unknown = wanted.find((name) => !benchmarks[name]);
  if (unknown) {
    console.error(`There is no benchmark ${unknown}: ${Object.keys(benchmarks).join(", ")}.`);
    return 1;
  }
  for (const name of wanted) console.log(`\n${name}\n\n${await benchmarks[name]?.()}`);
  return 0;
}

process.exit(await main());
