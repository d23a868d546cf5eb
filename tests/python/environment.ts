import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

const requirements = resolve(import.meta.dirname, "../fixtures/python/requirements.txt");

/** A virtual environment with the Python server, outside of the clone: made once for each list of requirements. */
export const usualPlace = (): string => {
  const hash = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  return join(homedir(), ".cache/fermata", `python-${hash}`);
};

/** The `langgraph` command of the environment in this directory, which is made if it isn't there; throws one sentence that says what is missing. */
export function langgraphIn(directory: string, say: (line: string) => void): string {
  const langgraph = join(directory, "bin/langgraph");
  // An installation that was interrupted has left no mark.
  const complete = join(directory, ".fermata-complete");
  if (existsSync(complete)) return langgraph;
  requirePython();
  say(`The Python server goes into ${directory}, once.`);
  if (spawnSync("python3", ["-m", "venv", directory], { stdio: "inherit" }).status !== 0) {
    throw new Error("python3 can't make a virtual environment: on Debian and Ubuntu, apt-get install python3-venv.");
  }
  const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements];
  if (spawnSync(join(directory, "bin/python"), install, { stdio: "inherit" }).status !== 0) {
    throw new Error(`pip did not install what ${requirements} lists.`);
  }
  writeFileSync(complete, "");
  return langgraph;
}

/** Throws unless there is a python3 that the server runs on. */
function requirePython(): void {
  let version: string;
  try {
    version = execFileSync("python3", ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).toString().trim();
  } catch (cause) {
    throw new Error("The Python server needs python3, 3.11 or newer: there is none.", { cause });
  }
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 3 || (major === 3 && minor < 11)) {
    throw new Error(
      `The Python server needs python3, 3.11 or newer: this is ${version}. PYTHON_VENV names another's environment.`,
    );
  }
}
