import { describe, expect, it } from "vitest";
import { usePages } from "../helpers/browser.ts";
import { useFlow } from "../helpers/flow.ts";
import {
  goesOn,
  inMidText,
  settled,
  shown,
  soon,
  stopButton,
  stoppedMarks,
  storySoFar,
  watchLastReply,
} from "./talk.ts";

const flow = useFlow();
const pages = usePages();

describe("in mid-text the page", () => {
  it("is reloaded: it reads on, and Stop stops", async () => {
    const page = await pages.open(flow.proxy.url);
    const call = await inMidText(flow, page, "a story across a reload");
    await page.reload();
    await soon(() => shown(page)).toEqual(["a story across a reload", storySoFar]);
    const seen = await watchLastReply(page);
    await stopButton(page).click();
    expect((await call.closed.opened).early).toBe(true);
    await stoppedMarks(page).waitFor();
    await settled(page);
    expect(await seen()).toEqual([storySoFar]);
    await page.reload();
    await stoppedMarks(page).waitFor();
    expect(await shown(page)).toEqual(["a story across a reload", storySoFar]);
    await goesOn(flow, page, "on after the reload");
  });

  it("is reloaded, and the reply comes to its end", async () => {
    const page = await pages.open(flow.proxy.url);
    const call = await inMidText(flow, page, "a story to its end");
    await page.reload();
    await stopButton(page).waitFor();
    call.release();
    await soon(() => shown(page)).toEqual(["a story to its end", `${storySoFar} was`]);
    await settled(page);
    expect((await call.closed.opened).early).toBe(false);
    expect(await stoppedMarks(page).count()).toBe(0);
  });

  it("is opened a second time: there the story goes on too, and can be stopped", async () => {
    const first = await pages.open(flow.proxy.url);
    const call = await inMidText(flow, first, "a story for two");
    const second = await pages.open(first.url());
    await soon(() => shown(second)).toEqual(["a story for two", storySoFar]);
    await stopButton(second).click();
    expect((await call.closed.opened).early).toBe(true);
    await stoppedMarks(second).waitFor();
    // Who only reads sees what was kept as well.
    await stoppedMarks(first).waitFor();
    await settled(first);
    expect(await shown(first)).toEqual(["a story for two", storySoFar]);
    await goesOn(flow, second, "on in the second tab");
  });

  it("is left for another chat and found again", async () => {
    const page = await pages.open(flow.proxy.url);
    const call = await inMidText(flow, page, "a story left alone");
    await page.getByRole("button", { name: "New chat" }).click();
    await page.getByRole("heading", { level: 1 }).waitFor();
    await goesOn(flow, page, "something else meanwhile");
    await page.goBack();
    await soon(() => shown(page)).toEqual(["a story left alone", storySoFar]);
    await stopButton(page).click();
    expect((await call.closed.opened).early).toBe(true);
    await stoppedMarks(page).waitFor();
    await settled(page);
  });
});
