import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import { offline, startServer } from "./processes.ts";

const root = resolve(import.meta.dirname, "../..");

/** The proxy in a process of its own, as `npm run proxy` starts it. */
export interface Replica {
  url: string;
  port: number;
  /** Everything it printed so far. */
  log(): string;
  kill(signal: "SIGKILL" | "SIGTERM"): void;
  /** Its exit code; null if a signal ended it. */
  exited: Promise<number | null>;
}

/** Resolves when it answers; on a port of its own, or one that a replica before it has left. */
export async function startReplica(
  upstream: string,
  port?: number,
  env: Record<string, string> = {},
): Promise<Replica> {
  const own = port ?? (await freePort());
  const child = spawn(process.execPath, ["--import", "tsx", "proxy/main.ts"], {
    cwd: root,
    env: {
      ...process.env,
      ...offline,
      LANGGRAPH_API_URL: upstream,
      HOST: "127.0.0.1",
      PORT: String(own),
      LOG_LEVEL: "warn",
      ...env,
    },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
  const { url, log } = await startServer(child, `http://127.0.0.1:${own}`, "/-/healthy");
  return { url, port: own, log, exited, kill: (signal) => void child.kill(signal) };
}
