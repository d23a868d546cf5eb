import type { Flow } from "../helpers/flow.ts";
import { gate } from "../helpers/gate.ts";

/** A client without an SDK: `fetch`, and the lines of the stream. `stop` is its Stop. */
export const plainSse =
  (stop: (url: string, threadId: string, runId: string) => Promise<void>) =>
  ({ proxy: { url } }: Pick<Flow, "proxy">, threadId: string, text: string) => {
    const runId = gate<string>();
    const read = async () => {
      const answer = await fetch(`${url}/threads/${threadId}/runs/stream`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "text/event-stream" },
        body: JSON.stringify({ assistant_id: "react", input: { messages: [{ role: "user", content: text }] } }),
      });
      runId.open(/\/runs\/([^/?]+)/.exec(answer.headers.get("content-location") ?? "")?.[1] ?? "");
      await answer.text();
    };
    const ended = read();
    return { runId: runId.opened, ended, stop: async () => await stop(url, threadId, await runId.opened) };
  };
