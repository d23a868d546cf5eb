import type { IncomingHttpHeaders } from "node:http";
import { insistentFetch } from "../insist.ts";
import { asText } from "../read-body.ts";
import type { Services } from "../services.ts";
import type { RunBody } from "../sse/modes.ts";
import { Turns } from "../stop/creation.ts";
import { isAbandoned } from "../stop/is-abandoned.ts";
import { stoppedElsewhere } from "../stop/stopped-elsewhere.ts";
import { callerHeaders, clientFor, upstreamFetch } from "../upstream.ts";
import { Drive } from "./drive.ts";
import { setIdle } from "./set-idle.ts";

type Needed = Pick<Services, "upstream" | "stops" | "server" | "log">;

/** The runs that this replica drives, or follows, step by step. Nothing here has to last: any replica can drive on. */
export class Stepwise {
  #services: Needed;
  #drives = new Map<string, Drive>();
  #closing = new AbortController();
  /** Of runs that are driven, and of others on their threads. */
  readonly creations = new Turns();

  constructor(services: Needed) {
    this.#services = services;
  }

  /** Drives the run from its first step on, in the name of its creator. */
  begin(caller: IncomingHttpHeaders, threadId: string, runId: string): Drive {
    return this.#drive(caller, threadId, runId, true);
  }

  /** Follows the run, and drives it on in the name of the caller, who has read it, if nobody else does. */
  follow(caller: IncomingHttpHeaders, threadId: string, runId: string): Drive {
    return this.#drive(caller, threadId, runId, false);
  }

  /** Runs are left at their next boundary. */
  close(): void {
    this.#closing.abort();
  }

  #drive(caller: IncomingHttpHeaders, threadId: string, runId: string, drives: boolean): Drive {
    const known = this.#drives.get(runId);
    if (known) return known;
    const { upstream, stops, server, log } = this.#services;
    const client = clientFor(caller, upstream);
    const drive = new Drive(
      {
        client,
        create: (body) => createRun(caller, upstream, threadId, body),
        async honour({ first }) {
          const insistent = clientFor(caller, upstream, insistentFetch());
          await stops.stop(insistent, threadId, { ...first, status: "running" }, stops.asked(runId));
        },
        isTidy: async () => (await server.kind()) !== "js" || (await client.threads.get(threadId)).status === "idle",
        tidy: (first) => setIdle(client, threadId, first),
        settled: (run) => stoppedElsewhere(client, threadId, run.run_id, stops.preferredKey),
        isAbandoned: (run) => isAbandoned(client, { server }, threadId, run),
        signal: this.#closing.signal,
      },
      threadId,
      runId,
      drives,
    );
    this.#drives.set(runId, drive);
    drive.over
      .catch((error: unknown) => {
        if (this.#closing.signal.aborted) return;
        log.error({ err: error, thread_id: threadId, run_id: runId }, "a run rests that was driven step by step");
      })
      .finally(() => this.#drives.delete(runId));
    return drive;
  }
}

/** Creates a run with just this body; throws what the server refuses as the SDK does. */
async function createRun(
  caller: IncomingHttpHeaders,
  upstream: Needed["upstream"],
  threadId: string,
  body: RunBody,
): Promise<string> {
  const answer = await upstreamFetch(`${upstream.url}/threads/${threadId}/runs`, {
    method: "POST",
    headers: { ...callerHeaders(caller, upstream), "content-type": "application/json" },
    body: asText(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw Object.assign(new Error(`HTTP ${answer.status}: ${text}`), { status: answer.status, text });
  return (JSON.parse(text) as { run_id: string }).run_id;
}
