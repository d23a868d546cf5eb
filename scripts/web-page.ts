import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { keepProcess } from "./kept-process.ts";
import { root } from "./root.ts";

/** Builds the chat if that hasn't been done; throws with the end of what the build said. */
export async function buildWebPage(directory: string, env: Record<string, string | undefined>): Promise<void> {
  if (existsSync(join(root, "web/dist/index.html"))) return;
  console.log("Building the chat, this once …");
  mkdirSync(directory, { recursive: true });
  const build = keepProcess(["npm", "run", "build"], { cwd: root, env, log: join(directory, "build.log") });
  if ((await build.exited) !== 0) throw new Error(`The chat could not be built:\n${build.lastLines()}`);
}
