import { setTimeout as delay } from "node:timers/promises";
import type { Client, StreamMode } from "@langchain/langgraph-sdk";

/** Where the storm's clients talk. */
export interface Ends {
  /** Through the proxy: its client, and its base URL. */
  client: Client;
  url: string;
  /** Past the proxy, to see what became of a request whose connection broke. */
  direct: Client;
}

/** What is asked of a run. */
export interface Asked {
  input?: Record<string, unknown>;
  command?: { resume: unknown };
  streamMode: StreamMode[];
  streamSubgraphs?: boolean;
  onRunCreated?: (run: { run_id: string }) => void;
}

/** The connection to the run's creation broke: nobody told whether it is there. */
export class StartLost extends Error {}

/** A new thread; one whose answer was lost is nobody's. */
export function createThread({ client }: Ends): Promise<string> {
  return again(async () => (await client.threads.create()).thread_id);
}

/** A part of a stream, as the SDK yields it. */
interface Part {
  id?: string;
  event: string;
  data: unknown;
}

/**
 * Streams a run to its end; where the stream breaks, it is joined again from
 * the last id. Throws `StartLost` if it broke before anything was known of the run.
 */
export async function stream(
  { client }: Ends,
  threadId: string,
  shape: string,
  asked: Asked,
  onPart: (part: Part) => void,
): Promise<void> {
  let runId: string | undefined;
  let lastEventId = "-1";
  const read = async (parts: AsyncIterable<unknown>) => {
    for await (const part of parts as AsyncIterable<Part>) {
      lastEventId = part.id ?? lastEventId;
      onPart(part);
    }
  };
  const onRunCreated = ({ run_id }: { run_id: string }) => {
    runId = run_id;
    asked.onRunCreated?.({ run_id });
  };
  try {
    await read(client.runs.stream(threadId, shape, { ...asked, onRunCreated }));
  } catch (error) {
    // Where the server says how, the SDK has been back by itself, and found no run after a rollback.
    if (!isBroken(error)) return runId ? ignoreGone(error as { status?: number }) : Promise.reject(error);
    if (!runId) throw new StartLost();
    const started = runId;
    await again(() => read(client.runs.joinStream(threadId, started, { lastEventId }))).catch(ignoreGone);
  }
}

/** Runs a turn, or the rest of one that was paused, to its end, once. Returns the error, if it failed. */
export async function finish(ends: Ends, threadId: string, shape: string, given: Pick<Asked, "input" | "command">) {
  const asked: Asked = { ...given, streamMode: ["values"] };
  const before = await runIds(ends, threadId);
  let error: string | undefined;
  try {
    await stream(ends, threadId, shape, asked, ({ event, data }) => {
      if (event === "error") error = JSON.stringify(data);
    });
  } catch (thrown) {
    if (!(thrown instanceof StartLost)) return String(thrown);
    // What had been sent on arrives within this time.
    await delay(1000);
    const [run] = (await runIds(ends, threadId)).filter((id) => !before.includes(id));
    if (!run) return await finish(ends, threadId, shape, given);
    await ends.direct.runs.join(threadId, run);
    const { status } = await ends.direct.runs.get(threadId, run);
    return status === "success" || status === "interrupted" ? undefined : status;
  }
  return error;
}

const runIds = async ({ direct }: Ends, threadId: string) =>
  (await direct.runs.list(threadId, { limit: 100 })).map(({ run_id }) => run_id);

/** The outcome of `POST …/stop`, and how often it had to be asked for. */
export async function stop(
  { url }: Ends,
  threadId: string,
  body: unknown,
): Promise<{ outcome: string; asked: number }> {
  let asked = 0;
  return await again(async () => {
    asked += 1;
    const answer = await fetch(`${url}/threads/${threadId}/stop`, { method: "POST", body: JSON.stringify(body) });
    const { outcome, message } = (await answer.json()) as { outcome?: string; message?: string };
    return { outcome: outcome ?? `${answer.status} ${message}`, asked };
  });
}

/** 404: the run had ended, and the server says so. */
export async function cancel({ client }: Ends, threadId: string, runId: string, action: "interrupt" | "rollback") {
  await again(() => client.runs.cancel(threadId, runId, false, action)).catch(ignoreGone);
}

/** A rollback has deleted the run. */
function ignoreGone(error: { status?: number }): void {
  if (error.status !== 404) throw error;
}

/** Makes a call whose answer was lost once more; the load balancer gives it to the next replica. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isBroken(error)) throw error;
    await delay(50);
    return await again(call);
  }
}

/** `fetch` says TypeError; the SDK gives it names of its own. */
const isBroken = (error: unknown) =>
  error instanceof Error &&
  (error instanceof TypeError || ["ConnectionError", "MaxReconnectAttemptsError"].includes(error.name));
