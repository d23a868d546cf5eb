import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";

const usual = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** A Chromium on this machine: `CHROMIUM_PATH`, a usual place, Playwright's own, or, as root on Debian, a new one. */
export function findChromium(): string {
  const { CHROMIUM_PATH } = process.env;
  if (CHROMIUM_PATH) {
    if (existsSync(CHROMIUM_PATH)) return CHROMIUM_PATH;
    throw new Error(`CHROMIUM_PATH names ${CHROMIUM_PATH}, which does not exist.`);
  }
  const find = () => [...usual, chromium.executablePath()].find((path) => existsSync(path));
  const found = find() ?? (installChromium() ? find() : undefined);
  if (found) return found;
  throw new Error("No Chromium found: install Chromium or Chrome, or set CHROMIUM_PATH to one.");
}

function installChromium(): boolean {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    execFileSync("apt-get", ["update"], { stdio: "ignore", env });
    execFileSync("apt-get", ["install", "-y", "chromium"], { stdio: "ignore", env });
    return true;
  } catch (error) {
    throw new Error("No Chromium found, and apt-get could not install it: set CHROMIUM_PATH to one.", { cause: error });
  }
}

/** As it is served to people: not with the test run's own NODE_ENV. */
function buildChat(): void {
  const root = resolve(import.meta.dirname, "../..");
  execFileSync(process.execPath, ["node_modules/vite/bin/vite.js", "build", "web", "--logLevel", "error"], {
    cwd: root,
    env: { ...process.env, NODE_ENV: "production" },
  });
}

/** Opens pages in a real browser. */
export interface Pages {
  /** A page in a profile of its own. Unless `mayFail`, an error in it or on its console fails the test. */
  open(url: string, options?: BrowserContextOptions & { mayFail?: boolean }): Promise<Page>;
  /** The errors of a page so far. */
  errorsOf(page: Page): string[];
}

/** Builds the chat and starts a browser for the tests of one file; pages are closed after each test. */
export function usePages(): Pages {
  let browser: Browser;
  const errors = new Map<Page, string[]>();
  const strict = new Set<Page>();
  beforeAll(async () => {
    buildChat();
    browser = await chromium.launch({
      executablePath: findChromium(),
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    });
  });
  afterEach(async () => {
    const said = [...strict].flatMap((page) => errors.get(page) ?? []);
    errors.clear();
    strict.clear();
    await Promise.all(browser.contexts().map((context) => context.close()));
    expect(said).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
  });
  return {
    async open(url, { mayFail, ...options } = {}) {
      const page = await (await browser.newContext(options)).newPage();
      const said: string[] = [];
      errors.set(page, said);
      if (!mayFail) strict.add(page);
      page.on("pageerror", (error) => said.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error") said.push(message.text());
      });
      await page.goto(url);
      return page;
    },
    errorsOf: (page) => errors.get(page) ?? [],
  };
}
