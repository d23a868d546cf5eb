import { afterAll, beforeAll, expect, inject, vi } from "vitest";
import { type Live, sdk, send, shownIn, useFlow } from "./flow.ts";
import { type HoldingShim, startHoldingShim } from "./holding-shim.ts";
import { type Replica, startReplica } from "./replica.ts";

/** What is left of a reply that was stopped after three words. */
export const kept = "ai: Once upon a";

const story = { text: ["Once ", "upon ", "a ", "time ", "there ", "was."], holdAfter: 3 };

/** The replica that dies is a process, behind it a shim; the one that goes on is the flow's own. */
export function useMortalFlow() {
  const flow = useFlow();
  let shim: HoldingShim;
  beforeAll(async () => {
    shim = await startHoldingShim(inject("langgraphUrl"));
  });
  afterAll(() => shim.close());

  /** A message sent through a replica that is to die; `isSecond`, on a thread where one has been answered. */
  async function sendToMortal(prompt: string, { graph, isSecond }: { graph?: string; isSecond?: boolean } = {}) {
    const replica = await startReplica(shim.url);
    const client = sdk(replica.url);
    const { thread_id: threadId } = await client.threads.create();
    if (isSecond) await goOn(threadId, "before it");
    const live = send(client, threadId, prompt, { graph });
    const ended = live.ended.catch(asValue);
    return { replica, threadId, live, ended, script: flow.model.script(prompt, story) };
  }

  /** The same, of which three tokens were shown. */
  async function inMidText(prompt: string, isSecond = false) {
    const sent = await sendToMortal(prompt, { isSecond });
    const call = await sent.script.call(0);
    await call.held.opened;
    await until(() => expect(said(sent.live.parts)).toBe("Once upon a "));
    return { ...sent, call, runId: await sent.live.runId };
  }

  /** Says something through the replica that lives, and is answered. */
  async function goOn(threadId: string, text: string, graph?: string): Promise<void> {
    flow.model.script(text, { text: ["Gladly."] });
    await send(flow.client, threadId, text, { graph }).ended;
  }

  const hold: HoldingShim["hold"] = (...at) => shim.hold(...at);
  return { flow, hold, sendToMortal, inMidText, goOn };
}

/** Kills it -9; its clients are let go. */
export async function kill(replica: Replica, ...lives: Live[]): Promise<void> {
  replica.kill("SIGKILL");
  expect(await replica.exited).toBeNull();
  for (const live of lives) live.hangUp();
}

export const said = (parts: Live["parts"]) => [...shownIn(parts).values()].join("");
export const asValue = (error: Error) => error;
/** `expect.poll` wants to know which test it is in; these run side by side. */
export const until = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000 });
