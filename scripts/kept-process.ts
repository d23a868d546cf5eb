import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A command with all that it starts, which never outlives this process. */
export interface KeptProcess {
  /** Leader of the process group that all of it is in. */
  pid: number;
  /** Resolves with the exit code when the command, and with it everything it started, has ended. */
  exited: Promise<number>;
  /** Asks it to end; kills what is still there after 4 s. */
  end(): Promise<void>;
  /** Kills all of it, at once. */
  kill(): void;
  /** The last lines of what it printed. */
  lastLines(): string;
}

const keeper = fileURLToPath(new URL("keeper.ts", import.meta.url));

/** Runs a command in a process group of its own, out of the terminal's reach; its output goes to the file `log`. */
export function keepProcess(
  command: readonly string[],
  options: { cwd: string; env: Record<string, string | undefined>; log: string },
): KeptProcess {
  const log = openSync(options.log, "w");
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), keeper, ...command], {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ["pipe", log, log],
  });
  closeSync(log);
  const { pid, stdin } = child;
  if (pid === undefined || !stdin) throw new Error(`Could not start ${process.execPath}.`);
  const kill = () => killGroup(pid);
  process.once("exit", kill);
  const exited = new Promise<number>((resolve) => {
    child.once("exit", (code) => {
      process.off("exit", kill);
      kill();
      resolve(code ?? 1);
    });
  });
  return {
    pid,
    exited,
    kill,
    async end() {
      stdin.end();
      await exited;
    },
    lastLines: () => readFileSync(options.log, "utf8").trimEnd().split("\n").slice(-15).join("\n"),
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    // Nobody is left, or only processes that have ended already (macOS says EPERM to that).
    if (!["ESRCH", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
