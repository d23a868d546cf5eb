import { execFileSync } from "node:child_process";
import { createReadStream, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, resolve } from "node:path";
import type { TestProject } from "vitest/node";
import setUpFlows from "../helpers/flows-setup.ts";

declare module "vitest" {
  export interface ProvidedContext {
    pagesUrl: string;
  }
}

const root = resolve(import.meta.dirname, "../..");
const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript" };

/** The dev server as for flows, and the pages of `tests/clients/pages`, built for production, on an origin of their own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = build();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const file = join(directory, pathname === "/" ? "index.html" : pathname);
    response.setHeader("content-type", types[extname(file)] ?? "application/octet-stream");
    createReadStream(file)
      .on("error", () => response.writeHead(404).end())
      .pipe(response);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  project.provide("pagesUrl", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const closeFlows = await setUpFlows(project);
  return async () => {
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true, force: true });
    await closeFlows();
  };
}

function build(): string {
  mkdirSync(join(root, ".tmp"), { recursive: true });
  const directory = mkdtempSync(join(root, ".tmp/pages-"));
  const vite = ["node_modules/vite/bin/vite.js", "build", "tests/clients/pages", "--outDir", directory];
  const env = { ...process.env, NODE_ENV: "production" };
  execFileSync(process.execPath, [...vite, "--logLevel", "error"], { cwd: root, env });
  return directory;
}
