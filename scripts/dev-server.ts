import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { devServerConfig } from "./dev-server-config.ts";
import { type KeptProcess, keepProcess } from "./kept-process.ts";
import { root } from "./root.ts";

/** The LangGraph dev server. */
export interface DevServer extends KeptProcess {
  url: string;
  /** The file with all that it printed. */
  log: string;
  /** Resolves when it answers, or with `port taken`; throws if it ends before, or says nothing for two minutes. */
  ready(): Promise<"ready" | "port taken">;
}

const cli = join(root, "node_modules/@langchain/langgraph-cli/dist/cli/cli.mjs");

/**
 * Starts `langgraphjs dev` with the graphs of the project's langgraph.json.
 *
 * Its state is written beside the langgraph.json it is given, so `directory`
 * (made if it isn't there) gets one of its own.
 */
export function startDevServer(directory: string, port: number, env: Record<string, string | undefined>): DevServer {
  mkdirSync(directory, { recursive: true });
  const config = join(directory, "langgraph.json");
  const projectConfig: unknown = JSON.parse(readFileSync(join(root, "langgraph.json"), "utf8"));
  // Without a loader of its own the server runs inside tsx's command line, which kills it at a signal if it is busy,
  // in the middle of writing its state.
  const loader = { node_loader: fileURLToPath(import.meta.resolve("tsx")) };
  writeFileSync(config, JSON.stringify({ ...loader, ...devServerConfig(projectConfig, root, directory) }, null, 2));
  // The server would write one itself, and say so.
  writeFileSync(join(directory, ".gitignore"), "*\n.langgraph_api\n");
  const log = resolve(directory, "server.log");
  const args = ["dev", "--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", String(port)];
  const server = keepProcess([process.execPath, cli, ...args, "--config", config], {
    cwd: directory,
    env: { ...env, LANGSMITH_TRACING: env.LANGSMITH_TRACING || "false", LANGGRAPH_CLI_NO_ANALYTICS: "1" },
    log,
  });
  const url = `http://127.0.0.1:${port}`;
  return { ...server, url, log, ready: () => ready(server, url, log) };
}

async function ready(server: KeptProcess, url: string, log: string): Promise<"ready" | "port taken"> {
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  const deadline = Date.now() + 120_000;
  while (!ended && Date.now() < deadline) {
    // On a port that somebody else has, the server stays alive, and the somebody else answers: only the log tells.
    const said = readFileSync(log, "utf8");
    if (said.includes("EADDRINUSE")) return "port taken";
    if (said.includes("Server running at") && (await fetch(`${url}/info`)).ok) return "ready";
    await delay(50);
  }
  throw new Error(`The LangGraph server did not start. The end of ${log}:\n${server.lastLines()}`);
}
