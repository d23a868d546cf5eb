import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { root } from "../../scripts/root.ts";
import { offline } from "../helpers/processes.ts";
import { familyOf, type ProcessEntry, processTable } from "./process-table.ts";

/** An `npm start` under test. */
export interface Started {
  pid: number;
  /** What stands on the screen. */
  screen(): string;
  /** Resolves with the addresses on the screen when all is ready; throws if it ends before. */
  ready(): Promise<{ chat: string; server: string; port: number }>;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** All its processes, now. */
  family(): ProcessEntry[];
  /** What is left of all the processes that `family` or `ready` has ever seen, and of their groups. */
  left(): ProcessEntry[];
  /** Kills what is left, and forgets the conversations. */
  dispose(): Promise<void>;
}

/** What `npm start` runs. */
const direct = [process.execPath, "--import", "tsx", "scripts/start.ts"];

/** Starts on the port or, if it is taken, on another; in a process group of its own, as a shell does. */
export function start(port: number, command: readonly string[] = direct): Started {
  const [file = "", ...args] = command;
  const child = spawn(file, args, {
    cwd: root,
    env: { ...process.env, ...offline, ...quiet, PORT: String(port) },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${file} did not start`);
  let screen = "";
  const append = (chunk: Buffer) => {
    screen += chunk.toString();
  };
  child.stdout.on("data", append);
  child.stderr.on("data", append);
  const exited = new Promise<Awaited<Started["exited"]>>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const seen = new Map<number, ProcessEntry>();
  const family = () => {
    const entries = familyOf(pid);
    for (const entry of entries) seen.set(entry.pid, entry);
    return entries;
  };
  const left = () => {
    const groups = new Set([...seen.values()].map(({ group }) => group));
    return processTable().filter((entry) => seen.has(entry.pid) || groups.has(entry.group));
  };
  return {
    pid,
    screen: () => screen,
    exited,
    family,
    left,
    async ready() {
      const ended = exited.then(({ code }) => {
        throw new Error(`Ended with ${code}:\n${screen}`);
      });
      const printed = vi.waitFor(() => expect(screen).toContain("Ctrl-C ends everything"), {
        timeout: 80_000,
        interval: 50,
      });
      await Promise.race([printed, ended]);
      family();
      const address = (name: string) => new RegExp(`^ *${name} +(http://127.0.0.1:\\d+)`, "m").exec(screen)?.[1] ?? "";
      const chat = address("Chat");
      return { chat, server: address("LangGraph server"), port: Number(new URL(chat).port) };
    },
    async dispose() {
      family();
      for (const entry of left()) killIfThere(entry.pid);
      await exited;
      const printed = /^ *Chat .*:(\d+)$/m.exec(screen)?.[1] ?? String(port);
      rmSync(join(root, ".fermata", printed), { recursive: true, force: true });
    },
  };
}

/** Nobody's own settings, no key, and the port is the only one given. */
const quiet = {
  HOST: "",
  LOG_LEVEL: "",
  OPENAI_API_KEY: "",
  OPENAI_BASE_URL: "",
  OPENAI_MODEL: "",
  npm_lifecycle_event: "",
};

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
