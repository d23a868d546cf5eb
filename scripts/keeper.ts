import { spawn } from "node:child_process";

/** A little more than the 3 s that the LangGraph server gives itself to write its state. */
const graceMs = 4000;

/**
 * Runs the command given as arguments and ends it, with all that it started,
 * when standard input closes: on purpose, or because whoever held it was
 * killed. Leads the process group of all of them. Exits with the command's
 * code; 0 if it was asked to end.
 */
function keep([command = "", ...args]: string[]): void {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.pipe(process.stdout);
  child.stderr.pipe(process.stderr);
  let ending = false;
  process.stdin.resume().once("close", () => {
    ending = true;
    // To the command alone: it passes it on, and whoever gets it twice doesn't finish what it does at the first.
    child.kill("SIGTERM");
    setTimeout(() => process.kill(-process.pid, "SIGKILL"), graceMs);
  });
  child.once("exit", () => {
    // What a command leaves behind when it ends by itself would be in nobody's care.
    if (!ending) setTimeout(() => process.kill(-process.pid, "SIGKILL"), 500);
  });
  // Comes when all that share the command's output have ended, not the command alone.
  child.once("close", (code) => process.exit(ending ? 0 : (code ?? 1)));
  child.once("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
}

keep(process.argv.slice(2));
