import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { usePages } from "../helpers/browser.ts";
import { conversation, outline, useFlow } from "../helpers/flow.ts";
import {
  assistants,
  field,
  goesOn,
  inMidText,
  say,
  sendButton,
  settled,
  shown,
  soon,
  stopButton,
  stoppedMarks,
  storySoFar,
  threadOf,
  toolCard,
} from "./talk.ts";

const flow = useFlow();
const pages = usePages();

const more = (page: Page) => page.getByRole("button", { name: "More ways to stop" });
const way = (page: Page, name: string) => page.getByRole("menuitem", { name });

async function pick(page: Page, name: string): Promise<void> {
  await more(page).click();
  await way(page, name).click();
}

/** On a phone, too, nothing is wider than the page. */
const fits = async (page: Page) => {
  const { width } = page.viewportSize() ?? { width: 0 };
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
};

describe.each([
  { on: "a screen", options: {} },
  { on: "a dark phone", options: { viewport: { width: 375, height: 667 }, colorScheme: "dark" as const } },
])("the menu beside Stop, on $on", ({ on, options }) => {
  it("undoes the turn: the message is in the composer again, before what was being written", async () => {
    const page = await pages.open(flow.proxy.url, options);
    await goesOn(flow, page, `a turn before, on ${on}`);
    const call = await inMidText(flow, page, `a story to undo, on ${on}`);
    await field(page).fill("a draft");
    await more(page).click();
    await fits(page);
    await way(page, "Undo this turn").click();
    expect((await call.closed.opened).early).toBe(true);
    await sendButton(page).waitFor();
    await soon(() => shown(page)).toEqual([`a turn before, on ${on}`, "Gladly."]);
    expect(await field(page).inputValue()).toBe(`a story to undo, on ${on}\n\na draft`);
    await page.reload();
    await soon(() => shown(page)).toEqual([`a turn before, on ${on}`, "Gladly."]);
    await goesOn(flow, page, `and another, on ${on}`);
  });

  it("undoes the first turn: the chat is as new", async () => {
    const page = await pages.open(flow.proxy.url, options);
    await inMidText(flow, page, `a first story, on ${on}`);
    await pick(page, "Undo this turn");
    await page.getByRole("heading", { level: 1 }).waitFor();
    expect(await field(page).inputValue()).toBe(`a first story, on ${on}`);
    flow.model.script(`a first story, on ${on}`, { text: ["Told anew."] });
    await sendButton(page).click();
    await soon(() => shown(page)).toEqual([`a first story, on ${on}`, "Told anew."]);
  });

  it("stops after the step: the tool finishes, and no more is said", async () => {
    const page = await pages.open(flow.proxy.url, options);
    await assistants(page).selectOption({ label: "React" });
    const prompt = `use the probe, on ${on}`;
    const id = prompt.replaceAll(/[^\w-]+/g, "-");
    const probe = flow.model.probe(id);
    const calls = [{ id, name: "probe", args: [JSON.stringify({ name: id })] }];
    flow.model.script(prompt, { text: ["One moment."], calls }, { text: ["Too late."], holdAfter: 0 });
    await say(page, prompt);
    await probe.started.opened;
    await toolCard(page, "probe").waitFor();
    await pick(page, "Stop after this step");
    await page.getByText("Stopping after this step").waitFor();
    await fits(page);
    await more(page).click();
    expect(await way(page, "Stop after this step").count()).toBe(0);
    await page.keyboard.press("Escape");
    expect(await page.getByRole("menu").count()).toBe(0);
    probe.answer("It works.");
    await settled(page);
    await soon(() => page.locator(".tool-state").allTextContents()).toEqual(["Finished"]);
    expect(await page.getByText("Too late.").count()).toBe(0);
    expect(outline(await conversation(flow.client, threadOf(page))).at(-1)).toContain("It works.");
    await goesOn(flow, page, `after the probe, on ${on}`);
  });

  it("while the step is waited for, Stop stops at once", async () => {
    const page = await pages.open(flow.proxy.url, options);
    const call = await inMidText(flow, page, `a hasty story, on ${on}`);
    await pick(page, "Stop after this step");
    await page.getByText("Stopping after this step").waitFor();
    await stopButton(page).click();
    expect((await call.closed.opened).early).toBe(true);
    await stoppedMarks(page).waitFor();
    await settled(page);
    expect(await shown(page)).toEqual([`a hasty story, on ${on}`, storySoFar]);
    await goesOn(flow, page, `after the hasty story, on ${on}`);
  });

  it("an approval that waits is dismissed", async () => {
    const page = await pages.open(flow.proxy.url, options);
    await assistants(page).selectOption({ label: "Hitl" });
    const prompt = `ask first, on ${on}`;
    const id = prompt.replaceAll(/[^\w-]+/g, "-");
    flow.model.script(prompt, { text: ["May I?"], calls: [{ id, name: "probe", args: [`{"name":"${id}"}`] }] });
    await say(page, prompt);
    await page.getByText("This turn waits for an approval.").waitFor();
    await fits(page);
    await page.getByRole("button", { name: "Dismiss" }).click();
    await soon(() => page.locator(".tool-state").allTextContents()).toEqual(["Never started"]);
    await settled(page);
    expect(await page.getByText("waits for an approval").count()).toBe(0);
    await goesOn(flow, page, `after asking, on ${on}`);
    await page.reload();
    await soon(() => shown(page)).toContain("Gladly.");
    expect(await page.getByText("waits for an approval").count()).toBe(0);
  });
});
