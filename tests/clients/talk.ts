import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, inject, vi } from "vitest";
import { textOf } from "../../proxy/core/message.ts";
import { findChromium } from "../helpers/browser.ts";
import { conversation, type Flow } from "../helpers/flow.ts";
import type { Call } from "../helpers/model/script.ts";

/** What a test sees on the wire, newest last: `POST /threads/…/runs/stream`. */
export interface Tab {
  page: Page;
  requests: string[];
}

/** Pages of one client, of one profile for each test; an error in one of them or on its console fails the test. */
export interface Tabs {
  open(client: string, api: string, thread?: string): Promise<Tab>;
}

export const soon = <T>(look: () => T | Promise<T>) => expect.poll(look, { timeout: 15_000 });

/** Starts a browser for the tests of one file. */
export function useTabs(): Tabs {
  let browser: Browser;
  let context: BrowserContext | undefined;
  let errors: string[] = [];
  beforeAll(async () => {
    const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
    browser = await chromium.launch({ executablePath: findChromium(), args });
  });
  afterEach(async () => {
    await context?.close();
    context = undefined;
    const said = errors;
    errors = [];
    expect(said).toEqual([]);
  });
  afterAll(() => browser?.close());
  return {
    async open(client, api, thread) {
      context ??= await browser.newContext();
      const page = await context.newPage();
      const requests: string[] = [];
      page.on("request", (request) => {
        if (request.method() !== "OPTIONS") requests.push(`${request.method()} ${new URL(request.url()).pathname}`);
      });
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      const address = new URLSearchParams({ client, api, ...(thread ? { thread } : {}) });
      await page.goto(`${inject("pagesUrl")}/?${address}`);
      await page.getByRole("main").waitFor();
      return { page, requests };
    },
  };
}

export const threadOf = (page: Page) => new URL(page.url()).searchParams.get("thread") ?? "";

/** What the user and the assistant say on the page, in order. */
export async function shown(page: Page): Promise<string[]> {
  const texts = await page.locator("article[data-type=human], article[data-type=ai]").allTextContents();
  return texts.map((text) => text.trim()).filter(Boolean);
}

export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.getByLabel("Message").press("Enter");
}

export const stopButton = (page: Page) => page.getByRole("button", { name: "Stop" });

/** Nothing goes on, as the page says. */
export const settled = (page: Page) => soon(() => page.getByRole("main").getAttribute("aria-busy")).toBe("false");

/** What the user and the assistant say in the thread, in order, as it is stored. */
export async function stored(flow: Flow, threadId: string): Promise<string[]> {
  const messages = await conversation(flow.direct, threadId);
  const spoken = messages.filter(({ type }) => type === "human" || type === "ai");
  return spoken.map(({ content }) => textOf(content).trim()).filter(Boolean);
}

export const cutText = "Once upon a";

/** Asks for a story of which the model says three tokens; they are on the page. */
export async function inMidText(flow: Flow, page: Page, prompt: string): Promise<Call> {
  const script = flow.model.script(prompt, { text: ["Once ", "upon ", "a ", "time."], holdAfter: 3 });
  await say(page, prompt);
  const call = await script.call(0);
  await call.held.opened;
  await soon(async () => (await shown(page)).slice(-2)).toEqual([prompt, cutText]);
  return call;
}

/** Two tools run, of which one has finished; the text before them is on the page. */
export async function inTools(flow: Flow, page: Page, prompt: string): Promise<void> {
  const names = ["done", "hanging"].map((name) => `${prompt} ${name}`.replace(/\W+/g, "_"));
  const calls = names.map((name) => ({ id: `call_${name}`, name: "probe", args: [JSON.stringify({ name })] }));
  flow.model.script(prompt, { text: ["One ", "moment."], calls });
  const [done, hanging] = names as [string, string];
  flow.model.probe(done, "a result");
  await say(page, prompt);
  await flow.model.probe(hanging).started.opened;
  await vi.waitUntil(() => flow.model.probe(done).answeredAt, { timeout: 15_000 });
  await soon(async () => (await shown(page)).slice(-2)).toEqual([prompt, "One moment."]);
}

/** Another message gets its answer. */
export async function goesOn(flow: Flow, page: Page, prompt: string): Promise<void> {
  flow.model.script(prompt, { text: ["Gladly", "."] });
  await say(page, prompt);
  await soon(async () => (await shown(page)).slice(-2)).toEqual([prompt, "Gladly."]);
  await settled(page);
}
