import { spawn } from "node:child_process";
import { root } from "./root.ts";

/** `npm run dev`: the proxy in front of `LANGGRAPH_API_URL`, and the chat that it serves; each comes anew when its source changes. */
const commands = [
  ["--watch", "--import", "tsx", "proxy/main.ts"],
  ["node_modules/vite/bin/vite.js", "build", "web", "--watch", "--logLevel", "warn"],
];

const children = commands.map((args) => spawn(process.execPath, args, { cwd: root, stdio: "inherit" }));

// Ctrl-C reaches them all by itself; what ends one otherwise ends the other.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => endAll());
for (const child of children) {
  child.once("exit", (code) => {
    process.exitCode ??= code ?? 0;
    endAll();
  });
}

function endAll(): void {
  for (const child of children) child.kill();
}
