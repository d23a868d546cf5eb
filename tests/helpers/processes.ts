import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { freePort } from "../../scripts/free-port.ts";

const root = resolve(import.meta.dirname, "../..");

/** A server in a process group of its own. */
export interface Server {
  url: string;
  /** Everything it printed so far. */
  log(): string;
  close(): Promise<void>;
}

/** A LangGraph server that can be gone for a while. */
export interface DevServer extends Server {
  /** Ends it as Ctrl-C does, so that it saves its threads and runs, and starts it again with them at the same address. */
  restart(): Promise<void>;
}

/** Variables that keep every server quiet on a closed network and away from the developer's own keys. */
export const offline = {
  LANGSMITH_TRACING: "false",
  LANGCHAIN_TRACING_V2: "false",
  LANGGRAPH_CLI_NO_ANALYTICS: "1",
  LANGSMITH_API_KEY: "",
  LANGGRAPH_API_KEY: "",
  OPENAI_API_KEY: "test",
};

/** For a JS dev server that is to be restarted: the runner that it else starts within kills it before it has saved anything. */
export const restartable = { LANGGRAPH_NODE_LOADER: join(root, "node_modules/tsx/dist/loader.mjs") };

/** More fields of a langgraph.json; paths in it are as from the server's own directory. */
type Config = Record<string, unknown>;

/** From the directory of a JS dev server to the project's root. */
export const toRoot = "../..";

/** So many runs go on at once on either server, unless it is told otherwise. */
const usualWorkers = 20;

/** The real JS dev server, with graphs given as `{ name: "path/from/the/root.ts:export" }` and storage of its own; `files` of tests/fixtures lie beside it. */
export async function startDevServer(
  graphs: Record<string, string>,
  env: Record<string, string>,
  config: Config = {},
  workers = usualWorkers,
  files: string[] = [],
): Promise<DevServer> {
  mkdirSync(join(root, ".tmp"), { recursive: true });
  const directory = mkdtempSync(join(root, ".tmp/server-"));
  const paths = Object.entries(graphs).map(([name, path]) => [name, `${toRoot}/${path}`]);
  writeFileSync(join(directory, "langgraph.json"), JSON.stringify({ graphs: Object.fromEntries(paths), ...config }));
  for (const file of files) copyFileSync(join(root, "tests/fixtures", file), join(directory, file));
  writeFileSync(join(directory, ".gitignore"), "*\n.langgraph_api\n");
  const port = await freePort();
  const cli = join(root, "node_modules/@langchain/langgraph-cli/dist/cli/cli.mjs");
  const args = ["dev", ...flags(port, workers), "--config", join(directory, "langgraph.json")];
  return await startIn(directory, port, process.execPath, [cli, ...args], env);
}

/** The Python dev server with the graphs of tests/fixtures/python, from a virtual environment's `langgraph`. */
export async function startPythonServer(
  langgraph: string,
  env: Record<string, string>,
  config: Config = {},
  workers = usualWorkers,
): Promise<DevServer> {
  const directory = mkdtempSync(join(tmpdir(), "fermata-python-"));
  const fixtures = join(root, "tests/fixtures/python");
  for (const file of ["graphs.py", "shapes.py", "gated.py", "providers.py", "auth.py", "http_app.py"])
    copyFileSync(join(fixtures, file), join(directory, file));
  // Where its bundler would put what it makes.
  cpSync(join(fixtures, "ui"), join(directory, ".langgraph_api/ui"), { recursive: true });
  const own = JSON.parse(readFileSync(join(fixtures, "langgraph.json"), "utf8")) as Config;
  writeFileSync(join(directory, "langgraph.json"), JSON.stringify({ ...own, ...config }));
  const port = await freePort();
  const path = `${dirname(langgraph)}:${process.env.PATH}`;
  return await startIn(directory, port, langgraph, ["dev", ...flags(port, workers)], { ...env, PATH: path });
}

const flags = (port: number, workers: number) => [
  ...["--no-browser", "--no-reload", "--host", "127.0.0.1"],
  ...["--port", String(port), "--n-jobs-per-worker", String(workers)],
];

/** Starts a server in a directory of its own, which goes with it. */
async function startIn(
  directory: string,
  port: number,
  command: string,
  args: string[],
  env: Record<string, string>,
): Promise<DevServer> {
  const start = () => {
    const child = spawn(command, args, {
      cwd: directory,
      env: { ...process.env, ...offline, ...env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return startServer(child, `http://127.0.0.1:${port}`, "/info");
  };
  let server = await start();
  return {
    url: server.url,
    log: () => server.log(),
    async restart() {
      await server.interrupt();
      server = await start();
    },
    async close() {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface Process extends Server {
  /** Ends it and all that it started as Ctrl-C does. */
  interrupt(): Promise<void>;
}

/** Waits until the child answers at `path`; fails with its output if it ends before. */
export async function startServer(child: ChildProcess, url: string, path: string): Promise<Process> {
  let log = "";
  const append = (chunk: Buffer) => {
    log += chunk.toString();
  };
  child.stdout?.on("data", append);
  child.stderr?.on("data", append);
  let ended = false;
  const exited = new Promise<void>((done) => child.once("exit", () => done())).then(() => {
    ended = true;
  });
  // Whatever it started holds its output open.
  const gone = new Promise<void>((done) => child.once("close", () => done()));
  const kill = (signal: NodeJS.Signals) => void (!ended && child.pid && process.kill(-child.pid, signal));
  const deadline = Date.now() + 60_000;
  while (!(await answers(url + path))) {
    if (ended || Date.now() > deadline) throw new Error(`The server at ${url} did not start:\n${log}`);
    await new Promise((again) => setTimeout(again, 50));
  }
  return {
    url,
    log: () => log,
    async interrupt() {
      kill("SIGINT");
      await gone;
    },
    async close() {
      kill("SIGKILL");
      await exited;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;
  } catch (error) {
    if (error instanceof TypeError || (error as Error).name === "TimeoutError") return false;
    throw error;
  }
}
