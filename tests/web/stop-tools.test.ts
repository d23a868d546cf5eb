import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { usePages } from "../helpers/browser.ts";
import { useFlow } from "../helpers/flow.ts";
import type { Reply } from "../helpers/model/script.ts";
import {
  assistants,
  goesOn,
  say,
  settled,
  shown,
  soon,
  stopButton,
  stoppedMarks,
  toolCard,
  toolsTold,
} from "./talk.ts";

const flow = useFlow();
const pages = usePages();

const calls = (...named: [name: string, args: string][]): Reply => ({
  text: ["One moment."],
  calls: named.map(([name, args], at) => ({ id: `call_${name}_${at}`, name, args: [args] })),
});

const states = (page: Page) => page.locator(".tool-state").allTextContents();

describe("tools", () => {
  it("are shown with what they were asked and what they answered", async () => {
    const page = await pages.open(flow.proxy.url);
    flow.model.script("reckon", calls(["calculate", '{"expression":"12 * (3 + 4)"}']), { text: ["It is 84."] });
    await say(page, "reckon");
    await page.getByText("It is 84.").waitFor();
    await settled(page);
    const card = toolCard(page, "calculate");
    expect(await card.locator(".tool-args").textContent()).toBe("expression: 12 * (3 + 4)");
    expect(await states(page)).toEqual(["Finished"]);
    await card.locator("summary").click();
    await card.locator("dd", { hasText: /^84$/ }).waitFor();
  });

  it("that run at the stop are cut off, those that ran keep their result, and the conversation goes on", async () => {
    const page = await pages.open(flow.proxy.url);
    flow.model.script("reckon, then wait", calls(["calculate", '{"expression":"2+2"}'], ["wait", '{"seconds":600}']));
    await say(page, "reckon, then wait");
    await soon(() => states(page)).toEqual(["Running", "Running"]);
    await page.getByText("One moment.").waitFor();
    await toolsTold(flow, page, "on_tool_end calculate", "on_tool_start wait");
    await stopButton(page).click();
    await soon(() => states(page)).toEqual(["Finished", "Cut off"]);
    await settled(page);
    const card = toolCard(page, "wait");
    await card.locator("summary").click();
    await card.getByText("It may have had effects").waitFor();
    // The reply itself was complete.
    expect(await stoppedMarks(page).count()).toBe(0);
    await page.reload();
    await soon(() => states(page)).toEqual(["Finished", "Cut off"]);
    await goesOn(flow, page, "after the cut tools");
  });

  it("that had not begun at the stop say so", async () => {
    const page = await pages.open(flow.proxy.url);
    await assistants(page).selectOption({ label: "Sequential tools" });
    flow.model.script(
      "one after the other",
      calls(["probe", '{"name":"web_first"}'], ["probe", '{"name":"web_second"}']),
    );
    await say(page, "one after the other");
    await soon(() => states(page)).toEqual(["Running", "Running"]);
    await flow.model.probe("web_first").started.opened;
    await toolsTold(flow, page, "on_tool_start probe");
    await page.keyboard.press("Escape");
    await soon(() => states(page)).toEqual(["Cut off", "Never started"]);
    await settled(page);
    await goesOn(flow, page, "after the tools in a row");
  });

  it("whose arguments were still coming at the stop are not claimed; the text before them stays", async () => {
    const page = await pages.open(flow.proxy.url);
    const half = { id: "call_half", name: "calculate", args: ['{"expres', 'sion":', '"1+1"}'] };
    const script = flow.model.script("half a call", { text: ["Let me see."], calls: [half], holdAfter: 3 });
    await say(page, "half a call");
    const call = await script.call(0);
    await call.held.opened;
    await toolCard(page, "calculate").waitFor();
    await stopButton(page).click();
    expect((await call.closed.opened).early).toBe(true);
    await stoppedMarks(page).waitFor();
    await settled(page);
    await page.getByText("Let me see.").waitFor();
    expect(await toolCard(page, "calculate").count()).toBe(0);
    await goesOn(flow, page, "after half a call");
  });

  it("that are subagents keep their talk to themselves, and are cut off with it", async () => {
    const page = await pages.open(flow.proxy.url);
    await assistants(page).selectOption({ label: "Deep agent" });
    const task = '{"description":"look it up","subagent_type":"general-purpose"}';
    flow.model.script("delegate", calls(["task", task]));
    const inner = flow.model.script("look it up", { text: ["Inner ", "talk"], holdAfter: 1 });
    await say(page, "delegate");
    const call = await inner.call(0);
    await call.held.opened;
    await soon(() => states(page)).toEqual(["Running"]);
    await stopButton(page).click();
    expect((await call.closed.opened).early).toBe(true);
    await soon(() => states(page)).toEqual(["Cut off"]);
    await settled(page);
    expect(await shown(page)).toEqual(["delegate", "One moment."]);
    await goesOn(flow, page, "after the cut subagent");
  });
});
