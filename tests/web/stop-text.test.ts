import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { usePages } from "../helpers/browser.ts";
import { conversation, outline, useFlow } from "../helpers/flow.ts";
import {
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
  watchLastReply,
} from "./talk.ts";

const flow = useFlow();
const pages = usePages();

/** Stops in mid-text; what was shown at the press stays on the page, now and after a reload. */
async function stopKeepsWhatIsShown(page: Page, press: () => Promise<void>, prompt: string): Promise<void> {
  const call = await inMidText(flow, page, prompt);
  const atPress = await shown(page);
  const seen = await watchLastReply(page);
  await press();
  expect((await call.closed.opened).early).toBe(true);
  await stoppedMarks(page).last().waitFor();
  await settled(page);
  expect(await shown(page)).toEqual(atPress);
  expect(await seen()).toEqual([storySoFar]);
  await page.reload();
  await stoppedMarks(page).last().waitFor();
  expect(await shown(page)).toEqual(atPress);
}

describe("a reply is stopped in mid-text", () => {
  it.each(["a click", "Escape"])("by %s: it stays as it was shown, and the conversation goes on", async (way) => {
    const page = await pages.open(flow.proxy.url);
    const press = () => (way === "Escape" ? page.keyboard.press("Escape") : stopButton(page).click());
    const prompt = `a story, stopped by ${way}`;
    await stopKeepsWhatIsShown(page, press, prompt);
    expect(outline(await conversation(flow.client, threadOf(page)))).toEqual([`human: ${prompt}`, `ai: ${storySoFar}`]);
    await goesOn(flow, page, `and on, after ${way}`);
    expect(await stoppedMarks(page).count()).toBe(1);
  });

  it("in the second turn, and again in the third", async () => {
    const page = await pages.open(flow.proxy.url);
    await goesOn(flow, page, "a first turn");
    await stopKeepsWhatIsShown(page, () => stopButton(page).click(), "a second turn");
    await stopKeepsWhatIsShown(page, () => stopButton(page).click(), "a third turn");
    expect(await stoppedMarks(page).count()).toBe(2);
    await goesOn(flow, page, "a fourth turn");
  });

  it("with a double click and Escape on top: one stop, and the draft is not sent", async () => {
    const page = await pages.open(flow.proxy.url);
    await inMidText(flow, page, "a story, stopped in a hurry");
    await field(page).fill("a draft");
    await field(page).press("Enter");
    await stopButton(page).dblclick();
    await page.keyboard.press("Escape");
    await stoppedMarks(page).waitFor();
    await settled(page);
    expect(await shown(page)).toEqual(["a story, stopped in a hurry", storySoFar]);
    expect(await field(page).inputValue()).toBe("a draft");
    flow.model.script("a draft", { text: ["Sent."] });
    await sendButton(page).click();
    await soon(async () => (await shown(page)).at(-1)).toBe("Sent.");
  });
});

describe("a reply is stopped before its first word", () => {
  it("the question stays, and the conversation goes on", async () => {
    const page = await pages.open(flow.proxy.url);
    const script = flow.model.script("say nothing", { text: ["Too late."], holdAfter: 0 });
    await field(page).fill("say nothing");
    await sendButton(page).click();
    const call = await script.call(0);
    await call.held.opened;
    await stopButton(page).click();
    expect((await call.closed.opened).early).toBe(true);
    await settled(page);
    expect(await shown(page)).toEqual(["say nothing"]);
    await page.getByText("No reply").waitFor();
    await goesOn(flow, page, "say something");
  });

  it("and before the page knows of the run: it is stopped all the same", async () => {
    const page = await pages.open(flow.proxy.url);
    await page.addInitScript(withholdAnswers);
    await page.reload();
    const script = flow.model.script("stop at once", { text: ["Never ", "ending."], holdAfter: 1 });
    await say(page, "stop at once");
    const call = await script.call(0);
    await call.held.opened;
    await stopButton(page).click();
    await page.getByRole("button", { name: "Stopping" }).waitFor();
    await page.evaluate(() => window.dispatchEvent(new Event("give-answers")));
    expect((await call.closed.opened).early).toBe(true);
    await settled(page);
    expect((await shown(page))[0]).toBe("stop at once");
    await goesOn(flow, page, "after a hasty stop");
  });
});

/** In the page: keeps the server's answers to new runs back until told to give them. */
function withholdAnswers(): void {
  const { fetch } = window;
  const given = new Promise((give) => window.addEventListener("give-answers", give, { once: true }));
  window.fetch = async (...request) => {
    const answer = await fetch(...request);
    if (answer.url.endsWith("/runs/stream")) await given;
    return answer;
  };
}
