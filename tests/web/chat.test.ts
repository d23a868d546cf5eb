import { describe, expect, it } from "vitest";
import { usePages } from "../helpers/browser.ts";
import { useFlow } from "../helpers/flow.ts";
import { assistants, field, goesOn, questions, replies, say, settled, shown, soon, threadOf } from "./talk.ts";

const flow = useFlow();
const pages = usePages();

const markdown = ["# A list\n\n", "- **bold**\n", "- `code`\n\n", "| a | b |\n|---|---|\n", "| 1 | 2 |\n"];

describe("a conversation", () => {
  it("streams Markdown, has an address, and is there again after a reload", async () => {
    const page = await pages.open(flow.proxy.url);
    const script = flow.model.script("some Markdown", { text: markdown, holdAfter: 3 });
    await say(page, "some Markdown");
    const call = await script.call(0);
    await call.held.opened;
    await replies(page).getByRole("heading", { name: "A list" }).waitFor();
    await replies(page).locator("li code", { hasText: "code" }).waitFor();
    expect(await replies(page).getByRole("table").count()).toBe(0);
    call.release();
    await replies(page).getByRole("cell", { name: "2" }).waitFor();
    await settled(page);
    expect(threadOf(page)).toMatch(/^[0-9a-f-]{36}$/);
    const before = await shown(page);
    await page.reload();
    await replies(page).getByRole("cell", { name: "2" }).waitFor();
    expect(await shown(page)).toEqual(before);
    await goesOn(flow, page, "one more");
  });

  it("makes room for another; back and forward lead from one to the other", async () => {
    const page = await pages.open(flow.proxy.url);
    await goesOn(flow, page, "the first chat");
    const first = page.url();
    await page.getByRole("button", { name: "New chat" }).click();
    await page.getByRole("heading", { level: 1 }).waitFor();
    expect(await questions(page).count()).toBe(0);
    await goesOn(flow, page, "the second chat");
    expect(page.url()).not.toBe(first);
    await page.goBack();
    await soon(() => shown(page)).toEqual(["the first chat", "Gladly."]);
    await page.goForward();
    await soon(() => shown(page)).toEqual(["the second chat", "Gladly."]);
  });

  it("begins with an example, and is written with the keyboard", async () => {
    const page = await pages.open(flow.proxy.url);
    const example = "Tell me a long story about a lighthouse";
    flow.model.script(example, { text: ["It stood ", "on a rock."] });
    await page.getByRole("button", { name: example }).click();
    await soon(() => shown(page)).toEqual([example, "It stood on a rock."]);
    await settled(page);
    flow.model.script("two\nlines", { text: ["Both read."] });
    await field(page).focus();
    await page.keyboard.type("two");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("lines");
    await page.keyboard.press("Enter");
    await soon(async () => (await shown(page)).at(-1)).toBe("Both read.");
    expect(await questions(page).last().textContent()).toBe("two\nlines");
  });

  it("is had with the assistant that was chosen", async () => {
    const page = await pages.open(flow.proxy.url);
    await assistants(page).selectOption({ label: "Deep agent" });
    await goesOn(flow, page, "hello, deep agent");
    const [run] = await flow.client.runs.list(threadOf(page));
    const assistant = await flow.client.assistants.get(run?.assistant_id ?? "");
    expect(assistant.graph_id).toBe("deep_agent");
    await page.reload();
    await soon(() => shown(page)).toEqual(["hello, deep agent", "Gladly."]);
    expect(await assistants(page).inputValue()).toBe("deep_agent");
  });

  it("follows its end, but not while the reader looks back; and fits a phone", async () => {
    const page = await pages.open(flow.proxy.url, { viewport: { width: 375, height: 667 } });
    const lines = Array.from({ length: 80 }, (_, line) => `Line ${line} of a text that is longer than any phone.\n\n`);
    const script = flow.model.script("a long text", { text: lines, holdAfter: 60 });
    await say(page, "a long text");
    const call = await script.call(0);
    await call.held.opened;
    const log = page.locator(".log");
    const toEnd = () => log.evaluate((box) => Math.round(box.scrollHeight - box.scrollTop - box.clientHeight));
    await page.getByText("Line 59 ").waitFor();
    await soon(toEnd).toBeLessThanOrEqual(1);
    await log.evaluate((box) => box.scrollTo(0, 200));
    const latest = page.getByRole("button", { name: "Scroll to the latest message" });
    await latest.waitFor();
    call.release();
    await page.getByText("Line 79 ").waitFor();
    await settled(page);
    expect(await log.evaluate((box) => box.scrollTop)).toBe(200);
    await latest.click();
    await soon(toEnd).toBeLessThanOrEqual(1);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
    await page.getByRole("button", { name: "New chat" }).click();
    await page.getByRole("heading", { level: 1 }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
  });
});
