import type { IncomingHttpHeaders } from "node:http";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { isObject } from "../core/message.ts";
import { seal, unseal } from "../core/seal.ts";
import { foldOn, type Snapshot } from "../core/snapshot.ts";
import { TranscriptFold } from "../core/transcript-fold.ts";
import { isWhole } from "../core/whole.ts";
import { insistentFetch } from "../insist.ts";
import type { Services } from "../services.ts";
import { clientFor, statusOf } from "../upstream.ts";
import { readStream } from "./read-stream.ts";
import { readState } from "./reconcile.ts";
import { isTerminal } from "./settle.ts";

/** Where in the server's store they are; the key is the run's id. */
const namespace = ["fermata", "snapshots"];
/** An item that nobody deletes, since its thread is never spoken to again, goes by itself, in minutes. */
const lifetime = 7 * 24 * 60;

/** A run that is looked after, in the name of whoever created or joined it. */
interface Watched {
  threadId: string;
  caller: IncomingHttpHeaders;
  /** The run carries it; undefined for a run that was created past the proxy. */
  key?: string;
  timer?: NodeJS.Timeout;
  latest?: Snapshot;
}

/**
 * Keeps what long runs have streamed: the hosted platform forgets a stream
 * after a while. Every half window what is new is folded on and put away in
 * the server's own store, sealed, so that any replica finds it. A run that is
 * shorter than half a window costs nothing.
 */
export class Snapshots {
  #services: Pick<Services, "settings" | "upstream" | "metrics" | "log">;
  #watched = new Map<string, Watched>();
  #storeRefuses = false;

  constructor(services: Pick<Services, "settings" | "upstream" | "metrics" | "log">) {
    this.#services = services;
  }

  /** A run was created or joined through this replica. `age` in milliseconds. */
  watch(runId: string, run: Pick<Watched, "threadId" | "caller" | "key">, age = 0): void {
    if (this.#watched.has(runId)) return;
    const watched: Watched = { ...run };
    this.#watched.set(runId, watched);
    this.#schedule(runId, watched, Math.max(0, this.#half - age));
  }

  /** The stream has ended. A run that left a snapshot is looked at once more: did it end well, or was it cut? */
  ended(runId: string): void {
    const watched = this.#watched.get(runId);
    if (!watched) return;
    clearTimeout(watched.timer);
    if (watched.latest) this.#schedule(runId, watched, 0);
    else this.#watched.delete(runId);
  }

  /** The latest snapshot of the run, this replica's or another's. */
  async find(client: Pick<Client, "store">, run: Run, key: string | undefined): Promise<Snapshot | undefined> {
    if (Date.now() - Date.parse(run.created_at) < this.#half) return undefined;
    const own = this.#watched.get(run.run_id)?.latest;
    const stored = await this.#load(client, run.run_id, key);
    return own && stored && stored.takenAt > own.takenAt ? stored : (own ?? stored);
  }

  /** Whether nothing that was streamed since can have been forgotten. */
  joins({ takenAt }: Snapshot): boolean {
    return Date.now() - takenAt < this.#services.settings.replayWindow - 1000;
  }

  /** Whether some of what the run streamed may be so old that the server has forgotten it. */
  mayBeForgotten({ created_at }: Pick<Run, "created_at">): boolean {
    return Date.now() - Date.parse(created_at) > this.#services.settings.replayWindow - 1000;
  }

  /** The run is dealt with: nothing of it has to be kept any more. `endedAt` in milliseconds since 1970. */
  async drop(
    client: Pick<Client, "store">,
    run: Pick<Run, "run_id" | "created_at">,
    endedAt = Date.now(),
  ): Promise<void> {
    clearTimeout(this.#watched.get(run.run_id)?.timer);
    this.#watched.delete(run.run_id);
    if (endedAt - Date.parse(run.created_at) < this.#half) return;
    await this.#inStore(() => client.store.deleteItem(namespace, run.run_id));
  }

  get #half(): number {
    return this.#services.settings.replayWindow / 2;
  }

  #schedule(runId: string, watched: Watched, milliseconds: number): void {
    watched.timer = setTimeout(() => {
      this.#look(runId, watched).catch((error: unknown) => {
        this.#services.log.warn({ err: error, thread_id: watched.threadId, run_id: runId }, "snapshot failed");
        if (this.#watched.get(runId) === watched) this.#schedule(runId, watched, this.#half);
      });
    }, milliseconds).unref();
  }

  async #look(runId: string, watched: Watched): Promise<void> {
    const { threadId, caller } = watched;
    const client = clientFor(caller, this.#services.upstream, insistentFetch());
    const run = await ifThere(client.runs.get(threadId, runId));
    if (run && run.status !== "success") await this.#take(client, run, watched);
    if (run && !isTerminal(run) && this.#watched.get(runId) === watched) {
      return this.#schedule(runId, watched, this.#half);
    }
    this.#watched.delete(runId);
    // One that was cut is kept until somebody has dealt with it, as a stop through this or another replica may have by now.
    const isDealtWith = !run || run.status === "success" || (await this.#isWhole(client, threadId, run));
    if (isDealtWith && watched.latest) await this.#inStore(() => client.store.deleteItem(namespace, runId));
  }

  async #isWhole(client: Client, threadId: string, run: Run): Promise<boolean> {
    return isWhole(await readState(client, threadId), run, this.#services.settings.messagesKey);
  }

  async #take(client: Client, { run_id: runId }: Run, watched: Watched): Promise<void> {
    const { threadId, key } = watched;
    const before = watched.latest ?? (await this.#load(client, runId, key));
    const takenAt = Date.now();
    const parts = await readStream(client, threadId, runId, before?.id ?? "-1");
    let fold = before ? TranscriptFold.restore(before.fold) : new TranscriptFold();
    const add = foldOn(before, !before || this.joins(before));
    for (const part of parts) fold = add(part);
    const { values } = await client.threads.getState(threadId);
    const id = parts.findLast((part) => part.id !== undefined)?.id ?? before?.id;
    if (id === undefined) return;
    watched.latest = { id, takenAt, fold: fold.save(idsIn(values)) };
    const { latest } = watched;
    if (key && !this.#storeRefuses) {
      const item = { sealed: seal(latest, key, runId) };
      await this.#inStore(() => client.store.putItem(namespace, runId, item, { index: false, ttl: lifetime }));
    }
    this.#services.metrics.snapshots.inc({ kept: key && !this.#storeRefuses ? "store" : "memory" });
  }

  async #load(client: Pick<Client, "store">, runId: string, key: string | undefined): Promise<Snapshot | undefined> {
    if (!key) return undefined;
    const item = await this.#inStore(() => client.store.getItem(namespace, runId));
    const sealed = item?.value.sealed;
    return typeof sealed === "string" ? (unseal(sealed, key, runId) as Snapshot | undefined) : undefined;
  }

  /** A store that refuses is no reason to lose the run: the snapshots stay in this replica's memory then. */
  async #inStore<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      if (!this.#storeRefuses) this.#services.log.warn({ err: error }, "the store refuses: snapshots stay in memory");
      this.#storeRefuses = true;
      return undefined;
    }
  }
}

async function ifThere<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** The ids of all that stands in lists of a thread's values: its messages among them. */
function idsIn(values: unknown): Set<string> {
  const lists = isObject(values) ? Object.values(values).filter(Array.isArray) : [];
  return new Set(lists.flat().flatMap((item) => (isObject(item) && typeof item.id === "string" ? [item.id] : [])));
}
