import { spawnSync } from "node:child_process";
import { root } from "../../scripts/root.ts";
import { langgraphIn, usualPlace } from "./environment.ts";

const vitest = (project: string) => ["node_modules/vitest/vitest.mjs", "run", "--project", project];
const storm = (...args: string[]) => ["--import", "tsx", "tests/storm/main.ts", ...args];

/** What is run, in this order: every flow and every client, and storms. */
const steps: Record<string, string[]> = {
  flows: vitest("flows"),
  clients: vitest("clients"),
  storm: storm("--stops", "60", "--seed", "python"),
  "storm with replicas that are killed": storm("--stops", "40", "--seed", "python", "--replicas", "2"),
};

/**
 * `npm run test:python [-- flows|clients|…] [--all]`: the tests of flows and clients, and storms, on the Python server:
 * that of `PYTHON_LANGGRAPH`, or of an environment in `PYTHON_VENV` or the usual place. Each cell is tried with one way
 * to stop, in turn, and clients without a page; with `--all` every way, and the pages in a browser.
 */
function main({ PYTHON_LANGGRAPH, PYTHON_VENV }: NodeJS.ProcessEnv, args: string[]): number {
  const wanted = args.filter((arg) => arg !== "--all");
  const all = args.includes("--all") ? { ALL_CELLS: "1", ALL_CLIENTS: "1" } : {};
  const unknown = wanted.find((name) => !steps[name]);
  if (unknown) throw new Error(`There is no step ${unknown}: ${Object.keys(steps).join(", ")}.`);
  const langgraph = PYTHON_LANGGRAPH || langgraphIn(PYTHON_VENV || usualPlace(), console.log);
  const env = { ...process.env, PYTHON_LANGGRAPH: langgraph, ...all };
  const chosen = Object.entries(steps).filter(([name]) => wanted.length === 0 || wanted.includes(name));
  const results = chosen.map(([name, args]) => {
    const started = Date.now();
    const { status } = spawnSync(process.execPath, args, { cwd: root, env, stdio: "inherit" });
    const seconds = Math.round((Date.now() - started) / 1000);
    return { line: `${name}: ${status === 0 ? "passed" : "failed"}, ${seconds} s`, failed: status !== 0 };
  });
  for (const { line } of results) console.log(line);
  return results.some(({ failed }) => failed) ? 1 : 0;
}

try {
  process.exitCode = main(process.env, process.argv.slice(2));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
