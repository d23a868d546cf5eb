import { Client } from "@langchain/langgraph-sdk";
import { bodyOf, type StopAnswer, type StopWay } from "./stop-ways.ts";

/** The SDK's client for this page's own server, and what becomes of its cancels. */
export interface ChatClient {
  client: Client;
  /** Settles when the last cancel is through; rejects if it was refused. */
  stopped(): Promise<void>;
  /** Stops what runs, or waits, on the thread; resolves when that is carried out. Rejects with an error that has a `status`. */
  stopAs(threadId: string, way: StopWay): Promise<StopAnswer>;
}

/**
 * `useStream` sends its cancel and forgets it. Here it is remembered, so that
 * the page can say that a stop is under way, or that it failed.
 */
export function createChatClient(origin: string): ChatClient {
  const client = new Client({ apiUrl: origin, apiKey: null, callerOptions: { maxRetries: 2 } });
  const cancel = client.runs.cancel.bind(client.runs);
  let cancelling: Promise<void> = Promise.resolve();
  client.runs.cancel = (...run) => {
    cancelling = cancel(...run).catch((error: unknown) => {
      // The run had ended by itself.
      if (![404, 409].includes(statusOf(error) ?? 0)) throw error;
    });
    // Whoever awaits `stopped()` hears of a failure; the hook does not.
    return cancelling.catch(() => undefined);
  };
  const stopAs = async (threadId: string, way: StopWay) => {
    const answer = await fetch(`${origin}/threads/${threadId}/stop`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(bodyOf[way]),
    });
    if (answer.ok) return (await answer.json()) as StopAnswer;
    throw Object.assign(new Error(await answer.text()), { status: answer.status });
  };
  return { client, stopped: () => cancelling, stopAs };
}

/** The HTTP status of an SDK call that the server refused. */
export function statusOf(error: unknown): number | undefined {
  const status = error instanceof Error && "status" in error ? error.status : undefined;
  return typeof status === "number" ? status : undefined;
}
