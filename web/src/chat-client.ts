import { Client } from "@langchain/langgraph-sdk";

/** The SDK's client for this page's own server, and what it needs to know about stops. */
export interface ChatClient {
  client: Client;
  /** `POST /threads/:t/stop`: stops whatever runs on the thread, for when no run id is known yet. */
  stopThread(threadId: string): void;
  /** Settles when the last stop that was asked for is through; rejects if it was refused. */
  stopped(): Promise<void>;
}

/**
 * `useStream` sends its cancel and forgets it. Here it is remembered, so that
 * the page can say that a stop is under way, or that it failed.
 */
export function createChatClient(origin: string): ChatClient {
  const client = new Client({ apiUrl: origin, apiKey: null, callerOptions: { maxRetries: 2 } });
  let stopping: Promise<void> = Promise.resolve();
  const remember = (asked: Promise<void>) => {
    stopping = asked.catch((error: unknown) => {
      // The run had ended by itself.
      if (!isStatus(error, 404, 409)) throw error;
    });
    // Whoever awaits `stopped()` hears of a failure; the hook does not.
    return stopping.catch(() => undefined);
  };
  const cancel = client.runs.cancel.bind(client.runs);
  client.runs.cancel = (...args) => remember(cancel(...args));
  return {
    client,
    stopThread: (threadId) => void remember(stop(origin, threadId)),
    stopped: () => stopping,
  };
}

async function stop(origin: string, threadId: string): Promise<void> {
  const answer = await fetch(`${origin}/threads/${threadId}/stop`, { method: "POST" });
  if (!answer.ok) throw Object.assign(new Error(await answer.text()), { status: answer.status });
}

export function statusOf(error: unknown): number | undefined {
  const status = error instanceof Error && "status" in error ? error.status : undefined;
  return typeof status === "number" ? status : undefined;
}

const isStatus = (error: unknown, ...statuses: number[]) => statuses.includes(statusOf(error) ?? 0);
