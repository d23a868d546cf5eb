import { describe, expect, it, vi } from "vitest";
import { textOf } from "../../proxy/core/message.ts";
import { conversation, outline } from "../helpers/flow.ts";
import { credentialsOf, goesOnUnnoticing, inMidText, shown, useGuardedFlow } from "../helpers/guarded-flow.ts";
import { startProxy } from "../helpers/proxy.ts";
import { openV2Socket } from "../helpers/v2-socket.ts";

const flow = useGuardedFlow();
const patience = { timeout: 20_000 };

describe("what the proxy does by itself, it does with the credentials of who brought it about", () => {
  it("a Stop by hanging up", async () => {
    const { threadId, live, call } = await inMidText(flow, "alice", "hang up", "cancel");
    live.hangUp();
    expect((await call.closed.opened).early).toBe(true);
    expect(outline(await conversation(flow.as("alice"), threadId))).toEqual(["human: hang up", `ai: ${shown}`]);
  });

  it("one that waits whether the reader comes back, and looks through the server's store for it", async () => {
    const replica = await startProxy(flow.url, { ON_DISCONNECT: "stop", REJOIN_GRACE: "0.3" });
    const { threadId, live, call } = await inMidText(flow, "alice", "hang up for good", "continue", replica);
    live.hangUp();
    expect((await call.closed.opened).early).toBe(true);
    // Closing waits for the stop.
    await replica.close();
    expect(outline(await conversation(flow.as("alice"), threadId))).toEqual([
      "human: hang up for good",
      `ai: ${shown}`,
    ]);
  });

  it("none by the leaving of one who may only read", async () => {
    const hers = await inMidText(flow, "alice", "only looked at");
    const reader = new AbortController();
    const stream = await fetch(
      `${flow.proxyUrl}/threads/${hers.threadId}/runs/${hers.runId}/stream?cancel_on_disconnect=1`,
      { headers: { ...credentialsOf("alice-readonly"), "last-event-id": "-1" }, signal: reader.signal },
    );
    expect(stream.status).toBe(200);
    const read = stream.text().catch((error: Error) => error.name);
    reader.abort();
    expect(await read).toBe("AbortError");
    // It waits for a stop under way.
    await flow.as("alice").threads.get(hers.threadId);
    await goesOnUnnoticing(flow, "alice", hers);
  });

  it.each(["stream", "socket"])(
    "the mending of a thread, and a run that is started over a socket: then by %s",
    async (way) => {
      const prompt = `cut behind her back, ${way}`;
      const { threadId, runId, live } = await inMidText(flow, "alice", prompt);
      await flow.askDirectly("alice", { method: "POST", path: `/threads/${threadId}/runs/${runId}/cancel?wait=1` });
      await live.ended;
      const next = `go on by ${way}`;
      flow.model.script(next, { text: ["Gladly."] });
      const input = { messages: [{ role: "user", content: next }] };
      if (way === "stream") await flow.as("alice").runs.wait(threadId, "react", { input });
      else {
        const socket = await openV2Socket(flow.proxyUrl, threadId, credentialsOf("alice"));
        const { type, result } = await socket.ask("run.start", { assistant_id: "react", input });
        expect(type).toBe("success");
        const status = async () => (await flow.as("alice").runs.get(threadId, result?.run_id ?? "")).status;
        await vi.waitFor(async () => expect(await status()).toBe("success"), patience);
        socket.close();
      }
      const messages = await conversation(flow.as("alice"), threadId);
      expect(messages.map(({ type, content }) => `${type}: ${textOf(content)}`)).toEqual([
        `human: ${prompt}`,
        `ai: ${shown}`,
        `human: ${next}`,
        "ai: Gladly.",
      ]);
    },
  );
});
