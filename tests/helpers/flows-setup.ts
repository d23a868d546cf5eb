import type { TestProject } from "vitest/node";
import { freePort } from "../../scripts/free-port.ts";
import { startDevServer } from "./processes.ts";

declare module "vitest" {
  export interface ProvidedContext {
    langgraphUrl: string;
    modelPort: number;
  }
}

/** Starts the JS dev server once for all flows; the model it talks to is each test file's own, on a port given here. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const modelPort = await freePort();
  const server = await startDevServer(
    {
      agent: "graph/agent.ts:graph",
      deep_agent: "graph/deep-agent.ts:graph",
      sequential_tools: "tests/fixtures/sequential-tools.ts:graph",
    },
    { OPENAI_BASE_URL: `http://127.0.0.1:${modelPort}/v1` },
  );
  provide("langgraphUrl", server.url);
  provide("modelPort", modelPort);
  return () => server.close();
}
