import { spawnSync } from "node:child_process";
import { root } from "../../scripts/root.ts";
import { langgraphIn, usualPlace } from "./environment.ts";

const steps = {
  flows: ["node_modules/vitest/vitest.mjs", "run", "--project", "flows"],
  storm: ["--import", "tsx", "tests/storm/main.ts", "--stops", "60", "--seed", "python"],
};

/**
 * `npm run test:python`: the flows and a storm on the Python server, that of
 * `PYTHON_LANGGRAPH`, or of an environment in `PYTHON_VENV` or the usual place.
 */
function main({ PYTHON_LANGGRAPH, PYTHON_VENV }: NodeJS.ProcessEnv): number {
  const langgraph = PYTHON_LANGGRAPH || langgraphIn(PYTHON_VENV || usualPlace(), console.log);
  const env = { ...process.env, PYTHON_LANGGRAPH: langgraph };
  const results = Object.entries(steps).map(([name, args]) => {
    const started = Date.now();
    const { status } = spawnSync(process.execPath, args, { cwd: root, env, stdio: "inherit" });
    const seconds = Math.round((Date.now() - started) / 1000);
    return { line: `${name}: ${status === 0 ? "passed" : "failed"}, ${seconds} s`, failed: status !== 0 };
  });
  for (const { line } of results) console.log(line);
  return results.some(({ failed }) => failed) ? 1 : 0;
}

try {
  process.exitCode = main(process.env);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
