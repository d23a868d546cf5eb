import { join, relative } from "node:path";
import { pino } from "pino";
import { environment, readSettings } from "../proxy/env.ts";
import { announcement } from "./announcement.ts";
import { bindProxy } from "./bind-proxy.ts";
import { chooseModel } from "./choose-model.ts";
import { type DevServer, startDevServer } from "./dev-server.ts";
import { type EndingReason, endOnSignal } from "./end-on-signal.ts";
import { freePortFrom } from "./free-port.ts";
import { root } from "./root.ts";
import { buildWebPage } from "./web-page.ts";

/** The port that the LangGraph server has by default, and takes if it can. */
const preferredPort = 2024;

/** What a signal finds, whenever it comes. */
interface Progress {
  ending: boolean;
  server?: DevServer;
}

/** `npm start`: model, LangGraph server, proxy and chat, on one machine. */
async function main(): Promise<void> {
  const env = environment();
  const progress: Progress = { ending: false };
  const end = async (reason: EndingReason) => {
    progress.ending = true;
    if (reason === "SIGINT") console.log("\nEnding …");
    await progress.server?.end();
  };
  endOnSignal(end, env.npm_lifecycle_event === "start");
  try {
    await start(env, progress);
  } catch (error) {
    // What is being ended fails in many ways.
    if (!progress.ending) throw error;
  }
}

/** Returns when the LangGraph server has ended because it was asked to; throws if it ended by itself. */
async function start(env: Record<string, string | undefined>, progress: Progress): Promise<void> {
  const model = await chooseModel(env);
  while (!progress.ending) {
    const upstreamPort = await freePortFrom(preferredPort);
    const settings = readSettings({
      ...env,
      LANGGRAPH_API_URL: `http://127.0.0.1:${upstreamPort}`,
      LANGGRAPH_API_KEY: undefined,
      // The terminal is for the addresses; whoever wants every line asks for it.
      LOG_LEVEL: env.LOG_LEVEL || "warn",
    });
    // Before the server: whoever has the port, has the directory named after it.
    const proxy = await bindProxy(settings, pino({ level: settings.logLevel }, pino.destination(2)));
    const directory = join(root, ".fermata", String(proxy.port));
    await buildWebPage(directory, env);
    const server = startDevServer(directory, upstreamPort, { ...env, ...model.env });
    progress.server = server;
    if ((await server.ready()) === "ready") {
      if (settings.port !== 0) sayIfTaken(settings.port, proxy.port, "the chat and the API are");
      sayIfTaken(preferredPort, upstreamPort, "the LangGraph server is");
      console.log(announcement({ proxy, server, log: relative(process.cwd(), server.log), model }));
      await server.exited;
      if (progress.ending) return;
      throw new Error(`The LangGraph server has ended. The end of ${server.log}:\n${server.lastLines()}`);
    }
    await server.end();
    await proxy.close();
  }
}

function sayIfTaken(wanted: number, got: number, what: string): void {
  if (got !== wanted) console.log(`Port ${wanted} is taken: ${what} on ${got}.`);
}

main().catch((error: Error) => {
  console.error(`npm start: ${error.message}`);
  process.exit(1);
});
