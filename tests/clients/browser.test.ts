import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { stop, useFlow } from "../helpers/flow.ts";
import { startProxy } from "../helpers/proxy.ts";
import { browserClients } from "./browser-clients.ts";
import {
  begin,
  goesOn,
  goesOnUnseen,
  it,
  type OpenPage,
  type Place,
  say,
  settled,
  shown,
  soon,
  spoken,
  stopButton,
  stopped,
  stored,
  threadOf,
  withoutTools,
} from "./talk.ts";

const flow = useFlow();
let stopping: Listening;

beforeAll(async () => {
  stopping = await startProxy(inject("langgraphUrl"), { ON_DISCONNECT: "stop", REJOIN_GRACE: "0.5" });
});
afterAll(() => stopping.close());

/** Where it is stopped, and in which turn. */
const places: [Place, "first" | "second"][] = [
  ["text", "first"],
  ["text", "second"],
  ["tools", "first"],
  ["tools", "second"],
];

describe.concurrent.each(browserClients)("$name", (client) => {
  const api = () => (client.hangUpStops ? stopping.url : flow.proxy.url);
  const opens = (open: OpenPage, thread?: string) => open(client.page ?? client.name, api(), thread);

  /** A page in the middle of its first or second turn: what was said before, and the turn. */
  async function opened(open: OpenPage, what: string, place: Place, turn: string) {
    const page = await opens(open);
    const id = `${what}, ${place}, ${turn} turn, ${client.name}`;
    const before = turn === "second" ? await goesOn(flow, page, `hello, ${id}`) : [];
    const begun = await begin(place, flow, page, id);
    return { page, id, before, begun, kept: [...before, ...begun.kept] };
  }

  describe.each(places)("in its %s, in the %s turn", (place, turn) => {
    it.for(["once", "twice quickly"])("is stopped %s", async (times, { open }) => {
      const { page, id, kept } = await opened(open, times, place, turn);
      await (times === "once" ? stopButton(page).click() : stopButton(page).dblclick());
      await settled(page);
      await expectShown(page, kept);
      if (!client.keptLater) await expectKept(page, kept);
      await expectKept(page, [...kept, ...(await goesOn(flow, page, `next, ${id}`))]);
    });

    it(`is reloaded, and stopped then: it ${client.reload}`, async ({ open }) => {
      const { page, id, kept } = await opened(open, "reload", place, turn);
      await page.reload();
      // It reads before it is known that it won't come back.
      if (client.hangUpStops) await stopped(flow, page).then(() => page.reload());
      if (client.reload !== "knows nothing") await soon(() => spoken(page)).toEqual(withoutTools(kept));
      if (client.reload === "rejoins")
        await soon(() => page.getByRole("main").getAttribute("aria-busy")).toEqual("true");
      await stopButton(page).click();
      if (client.reload === "reads on") await stop(api(), threadOf(page), {});
      if (client.reload !== "knows nothing") {
        await stopped(flow, page);
        await settled(page);
        await expectKept(page, kept);
      }
      await expectKept(page, [...kept, ...(await goesOn(flow, page, `next, ${id}`))]);
    });

    it(`is sent a message while it streams: that ${client.meanwhile}`, async ({ open }) => {
      const { page, id, before, begun } = await opened(open, "meanwhile", place, turn);
      const meanwhile = `meanwhile, ${id}`;
      const script = flow.model.script(meanwhile, { text: ["Gladly", "."] });
      await say(page, meanwhile);
      begun.release();
      const waits = client.meanwhile === "waits";
      if (waits) await script.call(0);
      await soon(() => flow.direct.threads.get(threadOf(page)).then(({ status }) => status)).toEqual("idle");
      const said = [...before, ...begun.whole, ...(waits ? [meanwhile, "Gladly."] : [])];
      const isPart = waits && client.restLaterOnJs && inject("server") === "js";
      if (!isPart) await soon(() => shown(page)).toEqual(said);
      await settled(page);
      expect(script.calls).toHaveLength(waits ? 1 : 0);
      if (isPart) await page.reload();
      await expectKept(page, said);
      await expectKept(page, [...said, ...(await goesOn(flow, page, `next, ${id}`))]);
    });

    it("has two tabs on one thread: one stops, and either goes on", async ({ open }) => {
      const { page: first, id, kept } = await opened(open, "tabs", place, turn);
      const second = await opens(open, threadOf(first));
      // A tab that reads between the Stop and the next message would make an edit of what that names.
      await soon(async () => (await spoken(second)).length > 0).toEqual(true);
      await stopButton(first).click();
      await settled(first);
      await expectShown(first, kept);
      if (client.hangUpStops) await stopped(flow, first);
      // The other has to look at the thread before it sends; the one that has stopped sends as it stands.
      const [one, other] = turn === "first" ? [second, first] : [first, second];
      if (one === second) await second.reload();
      if (one === second && !client.keptLater) await expectKept(second, kept);
      const isQuiet = one === first && client.quietBesideYoungerOnJs && inject("server") === "js";
      const said = [...kept, ...(await (isQuiet ? goesOnUnseen : goesOn)(flow, one, `next, ${id}`))];
      await expectKept(one, said);
      await other.reload();
      await expectKept(other, [...said, ...(await goesOn(flow, other, `and then, ${id}`))]);
    });
  });

  it.runIf(client.keptLater)(
    "presses Stop on a run that ends by itself before the next message: it stands whole",
    async ({ open }) => {
      const { page, id, before, begun } = await opened(open, "ends", "text", "second");
      await stopButton(page).click();
      await settled(page);
      begun.release();
      await stopped(flow, page);
      await expectKept(page, [...before, ...begun.whole, ...(await goesOn(flow, page, `next, ${id}`))]);
    },
  );

  it.runIf(client.edits).for(places)(
    "in its %s, in the %s turn, is stopped, and what was asked is edited: that forks",
    async ([place, turn], { open }) => {
      const { page, id, before, kept } = await opened(open, "edit", place, turn);
      await stopButton(page).click();
      await settled(page);
      // It has to know of the turn before it can edit it.
      if (client.keptLater) await goesOn(flow, page, `next, ${id}`);
      else await expectKept(page, kept);
      const edited = `edited, ${id}`;
      flow.model.script(edited, { text: ["Gladly", "."] });
      await page.getByLabel("Message").fill(edited);
      await page
        .getByRole("button", { name: "Edit" })
        .nth(before.length / 2)
        .click();
      const said = [...before, edited, "Gladly."];
      await soon(() => spoken(page)).toEqual(said);
      await settled(page);
      await expectKept(page, said);
    },
  );
});

/** The page shows what it showed when Stop was pressed; what the tools have come to it may show already. */
async function expectShown(page: Page, kept: string[]): Promise<void> {
  expect(await spoken(page)).toEqual(withoutTools(kept));
  const lines = await shown(page);
  expect(kept.filter((line) => lines.includes(line))).toEqual(lines);
}

/** The page shows this after a reload, and the thread holds it. */
async function expectKept(page: Page, said: string[]): Promise<void> {
  await soon(() => stored(flow, threadOf(page))).toEqual(said);
  await soon(() => spoken(page)).toEqual(withoutTools(said));
  await page.reload();
  await soon(() => shown(page)).toEqual(said);
  await settled(page);
}
