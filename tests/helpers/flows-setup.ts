import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { freePort } from "../../scripts/free-port.ts";
import { startDevServer, startPythonServer } from "./processes.ts";

declare module "vitest" {
  export interface ProvidedContext {
    langgraphUrl: string;
    server: "js" | "python";
    modelPort: number;
  }
}

/**
 * Starts the dev server once for all flows: the JS one, or the Python one if
 * `PYTHON_LANGGRAPH` names its `langgraph` command. The model it talks to is
 * each test file's own, on a port given here.
 */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const modelPort = await freePort();
  const env = { OPENAI_BASE_URL: `http://127.0.0.1:${modelPort}/v1` };
  const python = process.env.PYTHON_LANGGRAPH;
  const server = python ? await startPythonServer(python, env) : await startDevServer(graphs, env);
  provide("server", python ? "python" : "js");
  provide("langgraphUrl", server.url);
  provide("modelPort", modelPort);
  return () => server.close();
}

/** The graphs of tests/fixtures/gated.ts. */
const gated = [
  "react",
  "create_agent",
  "nested",
  "own_state",
  "subagent",
  "sequential_tools",
  "branches",
  "pipeline",
  "supervisor",
  "no_conversation",
].map((name) => [`gated_${name}`, `tests/fixtures/gated.ts:${name}`]);

/** Every graph of tests/fixtures/shapes, by its file's name in snake case, those with gates, and the two that are deployed. */
const shapes = readdirSync(resolve(import.meta.dirname, "../fixtures/shapes"))
  .filter((file) => file !== "nodes.ts")
  .map((file) => [file.replace(/\.ts$/, "").replaceAll("-", "_"), `tests/fixtures/shapes/${file}:graph`]);

export const graphs: Record<string, string> = {
  agent: "graph/agent.ts:graph",
  deep_agent: "graph/deep-agent.ts:graph",
  ...Object.fromEntries([...shapes, ...gated]),
};
