import type { Page } from "playwright-core";
import { expect } from "vitest";
import type { Flow } from "../helpers/flow.ts";
import type { Call } from "../helpers/model/script.ts";

/** Looks again until it is so; on a busy machine that takes longer than vitest waits by itself. */
export const soon = <T>(look: () => T | Promise<T>) => expect.poll(look, { timeout: 20_000 });

/** What a person sees of the chat, and does with it. */
export const field = (page: Page) => page.getByLabel("Message", { exact: true });
export const sendButton = (page: Page) => page.getByRole("button", { name: "Send" });
export const stopButton = (page: Page) => page.getByRole("button", { name: "Stop", exact: true });
export const replies = (page: Page) => page.getByRole("article", { name: "Assistant" });
export const questions = (page: Page) => page.getByRole("article", { name: "You" });
export const stoppedMarks = (page: Page) => page.getByText("Stopped", { exact: true });
export const assistants = (page: Page) => page.getByRole("combobox", { name: "Assistant" });
export const toolCard = (page: Page, name: string) => page.locator("details.tool", { hasText: name });

export async function say(page: Page, text: string): Promise<void> {
  await field(page).fill(text);
  await field(page).press("Enter");
}

/** Nothing runs, and the next message may be sent. */
export async function settled(page: Page): Promise<void> {
  await sendButton(page).waitFor();
  await soon(() => page.getByRole("log").getAttribute("aria-busy")).toBe("false");
}

/** Everything said, in order, as it is shown. */
export async function shown(page: Page): Promise<string[]> {
  const texts = await page.locator(".question, .reply-text").allTextContents();
  return texts.map((text) => text.trim());
}

export const story = ["Once ", "upon ", "a ", "time 🐉", " there ", "was "];
export const storySoFar = "Once upon a time 🐉 there";

/** Asks for a story, of which the model says five tokens; they are on the page. */
export async function inMidText(flow: Flow, page: Page, prompt: string): Promise<Call> {
  const script = flow.model.script(prompt, { text: story, holdAfter: 5 });
  await say(page, prompt);
  const call = await script.call(0);
  await call.held.opened;
  await soon(async () => (await shown(page)).at(-1)).toBe(storySoFar);
  return call;
}

export const threadOf = (page: Page) => new URL(page.url()).searchParams.get("thread") ?? "";

/** Waits until the tools of the run have told so much, such as `on_tool_start wait`. */
export async function toolsTold(flow: Flow, page: Page, ...wanted: string[]): Promise<void> {
  const [run] = await flow.direct.runs.list(threadOf(page));
  const missing = new Set(wanted);
  const stream = flow.direct.runs.joinStream(threadOf(page), run?.run_id ?? "", { lastEventId: "-1" });
  for await (const { event, data } of stream as AsyncIterable<{ event: string; data: ToolEvent }>) {
    if (event === "tools") missing.delete(`${data.event} ${data.name}`);
    if (missing.size === 0) return;
  }
  throw new Error(`The run ended without ${[...missing].join(", ")}.`);
}

interface ToolEvent {
  event: string;
  name: string;
}

/** Another message gets its answer. */
export async function goesOn(flow: Flow, page: Page, prompt: string): Promise<void> {
  flow.model.script(prompt, { text: ["Gladly", "."] });
  await say(page, prompt);
  await soon(() => shown(page)).toEqual(expect.arrayContaining([prompt, "Gladly."]));
  await settled(page);
  expect((await shown(page)).slice(-2)).toEqual([prompt, "Gladly."]);
}

/** Looks at the last reply at every change of the page and in every frame, until told to say what it saw. */
export async function watchLastReply(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const seen = new Set<string>();
    const look = () => {
      const all = document.querySelectorAll<HTMLElement>(".question, .reply-text");
      seen.add(all[all.length - 1]?.textContent.trim() ?? "");
    };
    const inEachFrame = () => {
      look();
      requestAnimationFrame(inEachFrame);
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
    inEachFrame();
    Object.assign(window, { seenReplies: seen });
  });
  return () => page.evaluate(() => [...(window as unknown as { seenReplies: Set<string> }).seenReplies]);
}
