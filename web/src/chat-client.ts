import { Client } from "@langchain/langgraph-sdk";

/** The SDK's client for this page's own server, and what becomes of its cancels. */
export interface ChatClient {
  client: Client;
  /** Settles when the last cancel is through; rejects if it was refused. */
  stopped(): Promise<void>;
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
  return { client, stopped: () => cancelling };
}

/** The HTTP status of an SDK call that the server refused. */
export function statusOf(error: unknown): number | undefined {
  const status = error instanceof Error && "status" in error ? error.status : undefined;
  return typeof status === "number" ? status : undefined;
}
