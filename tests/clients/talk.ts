import { chromium, type Page } from "playwright-core";
import { expect, inject, test, vi } from "vitest";
import { textOf } from "../../proxy/core/message.ts";
import { findChromium } from "../helpers/browser.ts";
import { conversation, type Flow } from "../helpers/flow.ts";

/** Opens a page of this client, which talks to this URL. */
export type OpenPage = (client: string, api: string, thread?: string) => Promise<Page>;

/** A test with pages of one profile; an error in one of them or on its console fails it. */
export const it = test
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads there what a fixture needs
  .extend("browser", { scope: "file" }, async ({}, { onCleanup }) => {
    const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
    const browser = await chromium.launch({ executablePath: findChromium(), args });
    onCleanup(() => browser.close());
    return browser;
  })
  .extend("open", async ({ browser }, { onCleanup }): Promise<OpenPage> => {
    const context = await browser.newContext();
    const errors: string[] = [];
    onCleanup(async () => {
      await context.close();
      expect(errors).toEqual([]);
    });
    return async (client, api, thread) => {
      const page = await context.newPage();
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      const address = new URLSearchParams({ client, api, ...(thread ? { thread } : {}) });
      await page.goto(`${inject("pagesUrl")}/?${address}`);
      await page.getByRole("main").waitFor();
      return page;
    };
  });

/** What comes to be, in time; `expect.poll` wants to know which test it is in, and these run side by side. */
export const soon = <T>(look: () => T | Promise<T>) => ({
  toEqual: (wanted: T) => vi.waitFor(async () => expect(await look()).toEqual(wanted), { timeout: 20_000 }),
});

export const threadOf = (page: Page) => new URL(page.url()).searchParams.get("thread") ?? "";

/** What is said on the page, in order: the user and the assistant in their words, tools with a mark. */
export async function shown(page: Page): Promise<string[]> {
  const said = await page
    .locator("article")
    .evaluateAll((articles) =>
      articles.map((article) => [article.getAttribute("data-type") ?? "", article.textContent ?? ""] as const),
    );
  return said.flatMap(([type, text]) => line(type, text));
}

/** The same less what tools say. */
export const spoken = async (page: Page): Promise<string[]> => withoutTools(await shown(page));

export const withoutTools = (lines: string[]): string[] => lines.filter((text) => !text.startsWith(toolMark));

const toolMark = "tool: ";

const line = (type: string, text: string): string[] =>
  text.trim() === "" ? [] : [`${type === "tool" ? toolMark : ""}${text.trim()}`];

export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.getByLabel("Message").press("Enter");
}

export const stopButton = (page: Page) => page.getByRole("button", { name: "Stop" });

/** Nothing goes on, as the page says. */
export const settled = (page: Page) => soon(() => page.getByRole("main").getAttribute("aria-busy")).toEqual("false");

/** What is said in the thread, in order, as it is stored. */
export async function stored(flow: Flow, threadId: string): Promise<string[]> {
  const messages = await conversation(flow.direct, threadId);
  return messages.flatMap(({ type, content }) => line(type, textOf(content)));
}

/** A turn in the middle, as it is seen. */
export interface Begun {
  /** What a Stop leaves of it. */
  kept: string[];
  /** What it comes to if nobody stops it. */
  whole: string[];
  /** Lets it go on to its end. */
  release(): void;
}

/** Where a turn is stopped. */
export type Place = "text" | "tools";

export const begin = (place: Place, flow: Flow, page: Page, prompt: string): Promise<Begun> =>
  (place === "text" ? inMidText : inTools)(flow, page, prompt);

/** Resolves when no run of the thread goes on. */
export const stopped = async (flow: Flow, page: Page): Promise<void> =>
  await soon(async () => {
    const runs = await flow.direct.runs.list(threadOf(page));
    return runs.filter(({ status }) => status === "running" || status === "pending").length;
  }).toEqual(0);

/** Asks for a story of which the model says three tokens; they are on the page. */
async function inMidText(flow: Flow, page: Page, prompt: string): Promise<Begun> {
  const script = flow.model.script(prompt, { text: ["Once ", "upon ", "a ", "time."], holdAfter: 3 });
  await say(page, prompt);
  const call = await script.call(0);
  await call.held.opened;
  await soon(async () => (await spoken(page)).slice(-2)).toEqual([prompt, "Once upon a"]);
  return { kept: [prompt, "Once upon a"], whole: [prompt, "Once upon a time."], release: () => call.release() };
}

const cutOff = "tool: This tool call was cut off before it returned. It may have had effects; its result is not known.";

/** Two tools run, of which one has finished; the text before them is on the page. The Python server doesn't tell of it. */
async function inTools(flow: Flow, page: Page, prompt: string): Promise<Begun> {
  const names = ["done", "hanging"].map((name) => `${prompt} ${name}`.replace(/\W+/g, "_"));
  const calls = names.map((name) => ({ id: `call_${name}`, name: "probe", args: [JSON.stringify({ name })] }));
  flow.model.script(prompt, { text: ["One ", "moment."], calls }, { text: ["That ", "is it."] });
  const [done, hanging] = names as [string, string];
  flow.model.probe(done, "a result");
  await say(page, prompt);
  await flow.model.probe(hanging).started.opened;
  await vi.waitUntil(() => flow.model.probe(done).answeredAt, { timeout: 15_000 });
  const said = [prompt, "One moment."];
  await soon(async () => (await spoken(page)).slice(-2)).toEqual(said);
  return {
    kept: [...said, inject("server") === "js" ? "tool: a result" : cutOff, cutOff],
    whole: [...said, "tool: a result", "tool: at last", "That is it."],
    release: () => flow.model.probe(hanging).answer("at last"),
  };
}

/** Another message gets its answer. */
export async function goesOn(flow: Flow, page: Page, prompt: string): Promise<string[]> {
  flow.model.script(prompt, { text: ["Gladly", "."] });
  await say(page, prompt);
  await soon(async () => (await spoken(page)).slice(-2)).toEqual([prompt, "Gladly."]);
  await settled(page);
  return [prompt, "Gladly."];
}

/** The same on a page that isn't sent the answer, and is reloaded. */
export async function goesOnUnseen(flow: Flow, page: Page, prompt: string): Promise<string[]> {
  flow.model.script(prompt, { text: ["Gladly", "."] });
  await say(page, prompt);
  await soon(async () => (await stored(flow, threadOf(page))).slice(-2)).toEqual([prompt, "Gladly."]);
  await page.reload();
  return [prompt, "Gladly."];
}
