import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { stop, useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";
import {
  cutText,
  goesOn,
  inMidText,
  inTools,
  say,
  settled,
  shown,
  soon,
  stopButton,
  stored,
  threadOf,
  useTabs,
} from "./talk.ts";

const flow = useFlow();
const tabs = useTabs();
let stopping: Listening;

beforeAll(async () => {
  stopping = await startProxy(inject("langgraphUrl"), { ON_DISCONNECT: "stop", REJOIN_GRACE: "0.5" });
});
afterAll(() => stopping.close());

interface BrowserClient {
  name: string;
  page?: string;
  /** Its proxy takes every hang-up for a Stop. */
  hangUpStops?: boolean;
  /** What its Stop has cut is kept when its next message comes. */
  keptLater?: boolean;
  /** What a reload comes to: it finds its run again; the run was stopped by it; it reads on, and its Stop says nothing; it knows of no run. */
  reload: "rejoins" | "stops" | "reads on" | "knows nothing";
  /** It can be sent a message at any time. */
  sendsAnyTime?: boolean;
  /** The JS server doesn't send it the rest of a reply once it has started another run: it shows that after a reload. */
  restLaterOnJs?: boolean;
}

const all: BrowserClient[] = [
  { name: "useStream", reload: "stops", sendsAnyTime: true },
  { name: "useStream, fetchStateHistory", reload: "stops", sendsAnyTime: true },
  { name: "useStream, reconnectOnMount", reload: "rejoins", sendsAnyTime: true },
  { name: "useStream, both", reload: "rejoins", sendsAnyTime: true },
  { name: "@langchain/react, SSE", reload: "reads on", sendsAnyTime: true, restLaterOnJs: true },
  { name: "@langchain/react, WebSocket", reload: "reads on", sendsAnyTime: true, restLaterOnJs: true },
  { name: "agent-chat-ui", reload: "knows nothing", keptLater: true },
  { name: "agent-chat-ui, ON_DISCONNECT=stop", page: "agent-chat-ui", reload: "stops", hangUpStops: true },
  { name: "deep-agents-ui", reload: "rejoins" },
];

/** Where it is stopped, and whether after an earlier turn. */
const places: ["text" | "tools", boolean][] = process.env.ALL_CLIENTS
  ? ["text", "tools"].flatMap((place) => [false, true].map((earlier) => [place, earlier] as ["text", boolean]))
  : [["text", true]];

describe.each(all)("$name", (client) => {
  const api = () => (client.hangUpStops ? stopping.url : flow.proxy.url);
  const open = async (thread?: string) => (await tabs.open(client.page ?? client.name, api(), thread)).page;
  const mark = (what: string) => `${what}, ${client.name}`;

  it.each(places)("is stopped in its %s; after an earlier turn: %s", async (place, earlier) => {
    const page = await open();
    const id = mark(`${place} ${earlier}`);
    if (earlier) await goesOn(flow, page, `hello, ${id}`);
    await (place === "text" ? inMidText : inTools)(flow, page, `first, ${id}`);
    const atPress = await shown(page);
    await stopButton(page).click();
    await settled(page);
    expect(await shown(page)).toEqual(atPress);
    if (!client.keptLater) await expectKept(page, atPress);
    await goesOn(flow, page, `next, ${id}`);
    await expectKept(page, [...atPress, `next, ${id}`, "Gladly."]);
  });

  if (!process.env.ALL_CLIENTS) return;

  it("is stopped twice quickly", async () => {
    const page = await open();
    const id = mark("twice");
    await inMidText(flow, page, id);
    await stopButton(page).dblclick();
    await settled(page);
    expect(await shown(page)).toEqual([id, cutText]);
    await goesOn(flow, page, `next, ${id}`);
    await expectKept(page, [id, cutText, `next, ${id}`, "Gladly."]);
  });

  it(`is reloaded in mid-text, and stopped then: it ${client.reload}`, async () => {
    const page = await open();
    const id = mark("reload");
    const call = await inMidText(flow, page, id);
    await page.reload();
    // It reads before it is known that it won't come back.
    if (client.hangUpStops) await call.closed.opened.then(() => page.reload());
    if (client.reload !== "knows nothing") await soon(() => shown(page)).toEqual([id, cutText]);
    if (client.reload === "rejoins") await soon(() => page.getByRole("main").getAttribute("aria-busy")).toBe("true");
    await stopButton(page).click();
    if (client.reload === "reads on") await stop(api(), threadOf(page), {});
    if (client.reload !== "knows nothing") {
      expect((await call.closed.opened).early).toBe(true);
      await settled(page);
      await expectKept(page, [id, cutText]);
    }
    await goesOn(flow, page, `next, ${id}`);
    await expectKept(page, [id, cutText, `next, ${id}`, "Gladly."]);
  });

  it.runIf(client.sendsAnyTime)("is sent a message while it streams: that waits for its turn", async () => {
    const page = await open();
    const id = mark("send");
    const call = await inMidText(flow, page, id);
    flow.model.script(`meanwhile, ${id}`, { text: ["Gladly", "."] });
    await say(page, `meanwhile, ${id}`);
    call.release();
    expect((await call.closed.opened).early).toBe(false);
    const said = [id, `${cutText} time.`, `meanwhile, ${id}`, "Gladly."];
    const isPart = client.restLaterOnJs && inject("server") === "js";
    await soon(() => shown(page)).toEqual(isPart ? [id, expect.stringContaining(cutText), ...said.slice(2)] : said);
    await settled(page);
    await expectKept(page, said, isPart);
  });

  it("has two tabs on one thread: one stops, the other goes on", async () => {
    const first = await open();
    const id = mark("tabs");
    const call = await inMidText(flow, first, id);
    const second = await open(threadOf(first));
    await stopButton(first).click();
    await settled(first);
    expect(await shown(first)).toEqual([id, cutText]);
    if (client.hangUpStops) await call.closed.opened;
    await second.reload();
    if (!client.keptLater) await expectKept(second, [id, cutText]);
    await goesOn(flow, second, `next, ${id}`);
    const said = [id, cutText, `next, ${id}`, "Gladly."];
    await expectKept(second, said);
    await first.reload();
    await expectKept(first, said);
  });
});

/** The page shows this, at once (unless only `afterReload`) and after a reload, and the thread holds it. */
async function expectKept(page: Page, said: string[], afterReload = false): Promise<void> {
  if (!afterReload) await soon(() => shown(page)).toEqual(said);
  await soon(() => stored(flow, threadOf(page))).toEqual(said);
  await page.reload();
  await soon(() => shown(page)).toEqual(said);
  await settled(page);
}
