import { describe, expect, it } from "vitest";
import { usePages } from "../helpers/browser.ts";
import { useFlow } from "../helpers/flow.ts";
import { goesOn, inMidText, say, settled, shown, soon, stopButton, stoppedMarks } from "./talk.ts";

const flow = useFlow();
const pages = usePages();

describe("trouble is told in a sentence, with a way on", () => {
  it("when the run fails", async () => {
    const page = await pages.open(flow.proxy.url, { mayFail: true });
    await goesOn(flow, page, "before it fails");
    // The model knows no script for this and refuses.
    await say(page, "a question without a script");
    const note = page.getByRole("alert");
    await note.getByText("The reply could not be finished.").waitFor();
    expect(await note.textContent()).not.toMatch(/ at .*:\d+:\d+/);
    await page.reload();
    await note.getByText("The reply could not be finished.").waitFor();
    flow.model.script("a question without a script", { text: ["Now ", "I know."] });
    await note.getByRole("button", { name: "Try again" }).click();
    await expect
      .poll(async () => (await shown(page)).slice(-2))
      .toEqual(["a question without a script", "Now I know."]);
    await settled(page);
    expect(await note.count()).toBe(0);
    await goesOn(flow, page, "after it failed");
  });

  it("when a message does not get through", async () => {
    const page = await pages.open(flow.proxy.url, { mayFail: true });
    await goesOn(flow, page, "before the line is cut");
    await page.route("**/runs/stream", (route) => route.abort("connectionrefused"));
    await say(page, "is anybody there?");
    const note = page.getByRole("alert");
    await note.getByText("The server can’t be reached").waitFor();
    expect((await shown(page)).at(-1)).toBe("is anybody there?");
    await page.unroute("**/runs/stream");
    flow.model.script("is anybody there?", { text: ["Always."] });
    await note.getByRole("button", { name: "Try again" }).click();
    await soon(async () => (await shown(page)).slice(-2)).toEqual(["is anybody there?", "Always."]);
    await settled(page);
  });

  it("when a conversation cannot be opened", async () => {
    const page = await pages.open(flow.proxy.url, { mayFail: true });
    await goesOn(flow, page, "a chat to come back to");
    await page.route("**/state*", (route) => route.fulfill({ status: 502, json: { error: "upstream_unreachable" } }));
    await page.reload();
    const note = page.getByRole("alert");
    await note.getByText("The agent’s server can’t be reached").waitFor();
    await page.unroute("**/state*");
    await note.getByRole("button", { name: "Try again" }).click();
    await soon(() => shown(page)).toEqual(["a chat to come back to", "Gladly."]);
    await page.goto(`${flow.proxy.url}/?thread=00000000-0000-4000-8000-000000000000`);
    await note.getByText("This conversation can’t be found.").waitFor();
    await page.getByRole("button", { name: "New chat" }).click();
    await goesOn(flow, page, "a new chat then");
  });

  it("when a stop is refused: the page does not claim that it stopped", async () => {
    const page = await pages.open(flow.proxy.url, { mayFail: true });
    const call = await inMidText(flow, page, "a story that won't stop");
    await page.route("**/cancel*", (route) => route.fulfill({ status: 500, json: { error: "internal" } }));
    await stopButton(page).click();
    await page.getByRole("alert").getByText("Stopping failed.").waitFor();
    expect(await stoppedMarks(page).count()).toBe(0);
    await page.unroute("**/cancel*");
    await page.getByRole("button", { name: "Try again" }).click();
    await stopButton(page).click();
    expect((await call.closed.opened).early).toBe(true);
    await stoppedMarks(page).waitFor();
    await settled(page);
    expect(await page.getByRole("alert").count()).toBe(0);
  });
});
