import type { IncomingHttpHeaders } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { insistentFetch, promptFetch } from "../insist.ts";
import type { Services } from "../services.ts";
import { asSeen } from "../stepwise/as-seen.ts";
import { clientFor } from "../upstream.ts";
import { isTerminal } from "./settle.ts";

/**
 * What a reader's leaving means to the run it leaves: nothing, or Stop with
 * its text kept. `ON_DISCONNECT=respect` does what the run was created with;
 * `stop` takes every hang-up for a Stop, unless a reader is back in time.
 */
export class HangUps {
  #services: Pick<Services, "settings" | "threads" | "readers" | "departures" | "stops" | "log" | "upstream">;
  #closing = false;
  /** Of readers that have left and may come back. */
  #graces = new Set<Promise<void>>();

  constructor(
    services: Pick<Services, "settings" | "threads" | "readers" | "departures" | "stops" | "log" | "upstream">,
  ) {
    this.#services = services;
  }

  /** From now on it is this replica that leaves, not its readers. */
  close(): void {
    this.#closing = true;
  }

  /** Whether a run that says `cancel` is stopped as soon as its reader leaves. */
  #stopsAtOnce(onDisconnect: unknown): boolean {
    return onDisconnect === "cancel" && this.#services.settings.onDisconnect !== "continue";
  }

  /** Resolves when no reader that has left may still come back; the Stops of those who don't are under way then. */
  async idle(): Promise<void> {
    while (this.#graces.size > 0) await Promise.all(this.#graces);
  }

  /** The caller, whose headers these are, has left the run before its end. */
  left(caller: IncomingHttpHeaders, threadId: string, runId: string, onDisconnect: unknown): void {
    const { settings, threads, departures, upstream } = this.#services;
    if (this.#closing) return;
    threads.hungUp(threadId);
    if (this.#stopsAtOnce(onDisconnect)) {
      this.#stop(caller, threadId, runId);
      return;
    }
    const noted = departures.note(clientFor(caller, upstream, promptFetch()), runId);
    if (settings.onDisconnect === "stop") {
      const grace = this.#stopUnlessBack(caller, threadId, runId, noted).finally(() => this.#graces.delete(grace));
      this.#graces.add(grace);
    }
  }

  async #stopUnlessBack(
    caller: IncomingHttpHeaders,
    threadId: string,
    runId: string,
    noted: Promise<boolean>,
  ): Promise<void> {
    const { settings, readers, departures, upstream } = this.#services;
    await delay(settings.rejoinGrace, undefined, { ref: false });
    const client = clientFor(caller, upstream, promptFetch());
    if (!readers.haveLeft(runId)) return;
    // Another replica may have taken it back.
    if ((await noted) && !(await departures.areNoted(client, runId))) return;
    this.#stop(caller, threadId, runId);
    void departures.takeBack(client, runId);
  }

  /** Nobody waits for the answer; a failure is logged. */
  #stop(caller: IncomingHttpHeaders, threadId: string, runId: string): void {
    const { threads, stops, log, upstream } = this.#services;
    const client = clientFor(caller, upstream, insistentFetch());
    const stop = async () => {
      const run = await asSeen(client, threadId, await client.runs.get(threadId, runId));
      // While a step is waited for, the thread isn't held.
      return { stopped: isTerminal(run) ? undefined : stops.stop(client, threadId, run, stops.asked(run.run_id)) };
    };
    const stopped = threads.stopping(threadId, stop).then((found) => found.stopped);
    stopped.catch((error: unknown) => {
      log.error({ err: error, thread_id: threadId, run_id: runId }, "stop after a hang-up failed");
    });
  }
}
