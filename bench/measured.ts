import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

/** A process of the benchmark. */
export interface Measured {
  url: string;
  /** The CPU time that it has taken so far, in microseconds. */
  cpu(): Promise<number>;
  close(): Promise<void>;
}

/** Starts `bench/<script>.ts`, which tells its port; resolves when it listens. */
export async function startMeasured(script: "emitter" | "contestant", ...args: string[]): Promise<Measured> {
  const child = fork(resolve(import.meta.dirname, `${script}.ts`), args, { execArgv: ["--import", "tsx"] });
  const { port } = await told<{ port: number }>(child);
  return {
    url: `http://127.0.0.1:${port}`,
    async cpu() {
      child.send("cpu");
      const { cpu } = await told<{ cpu: NodeJS.CpuUsage }>(child);
      return cpu.user + cpu.system;
    },
    async close() {
      const exited = once(child, "exit");
      child.kill();
      await exited;
    },
  };
}

async function told<T>(child: ChildProcess): Promise<T> {
  const over = new AbortController();
  const gone = async () => {
    await once(child, "exit", over);
    throw new Error("a process of the benchmark has ended");
  };
  try {
    const [message] = await Promise.race([once(child, "message", over), gone()]);
    return message as T;
  } finally {
    over.abort();
  }
}
