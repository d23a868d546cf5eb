import type { IncomingHttpHeaders } from "node:http";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { joins, type Snapshot } from "../core/snapshot.ts";
import { isWhole } from "../core/whole.ts";
import { firstLookFetch } from "../insist.ts";
import type { Services } from "../services.ts";
import { snapshotKey } from "../sse/modes.ts";
import { clientFor, statusOf } from "../upstream.ts";
import { isResumable } from "./is-resumable.ts";
import { hasNewerRun, readState } from "./reconcile.ts";
import { RepeatedLook } from "./repeated-look.ts";
import { isTerminal } from "./settle.ts";
import { SnapshotStore } from "./snapshot-store.ts";
import { ifThere } from "./step-ends.ts";
import { takeSnapshot } from "./take-snapshot.ts";

/** A run whose stream has just ended is looked at after so long, in milliseconds. */
const soon = 2000;
/** So many snapshots that no store has are kept of runs that have ended; who wants an older one is late. */
const mostKept = 1000;

type EndedRun = Pick<Run, "run_id" | "created_at" | "updated_at">;
type Needed = Pick<Services, "settings" | "upstream" | "server" | "metrics" | "log">;

/** A run that is looked after, in the name of whoever created it, or joined it last. */
interface Watched {
  threadId: string;
  caller: IncomingHttpHeaders;
  /** When it was created, by our clock, as far as is known. */
  since: number;
  latest?: Snapshot;
  /** The store has the latest. */
  isStored: boolean;
  /** The run has ended, and the latest has all that there is to be had of it. */
  isAll: boolean;
  looks: RepeatedLook;
}

/**
 * Keeps what long runs have streamed: the hosted platform forgets a stream
 * after a while. Every half window what is new is folded on and put away in
 * the server's own store, so that any replica finds it; where the store
 * refuses, in memory. A run that is shorter than half a window costs nothing.
 * Nor does one of a server that forgets nothing.
 */
export class Snapshots {
  readonly #services: Needed;
  readonly #store: SnapshotStore;
  readonly #watched = new Map<string, Watched>();
  /** Of runs that were cut, and that nobody has dealt with yet: what no store has. */
  readonly #kept = new Map<string, Snapshot>();
  #isClosed = false;

  constructor(services: Needed) {
    this.#services = services;
    this.#store = new SnapshotStore(services.log);
  }

  /** How far back the server can replay a stream, in milliseconds. */
  get window(): number {
    return this.#services.settings.replayWindow;
  }

  /** The caller, whose headers these are, has created the run or joined it. `age` in milliseconds. */
  watch(caller: IncomingHttpHeaders, threadId: string, runId: string, age = 0): void {
    const known = this.#watched.get(runId);
    if (known) {
      // Whoever came before may have credentials that have expired.
      known.caller = caller;
      if (known.looks.isFailing) known.looks.within(0);
      return;
    }
    if (this.#isClosed) return;
    const looks = new RepeatedLook({
      look: () => this.#look(runId, watched),
      onFailure: (error) =>
        this.#services.log.warn({ err: error, thread_id: threadId, run_id: runId }, "snapshot failed"),
      onGivenUp: () => this.#leave(runId, watched),
      longestPause: this.#half,
      patience: this.window,
    });
    const watched: Watched = { threadId, caller, since: Date.now() - age, isStored: false, isAll: false, looks };
    this.#watched.set(runId, watched);
    looks.within(this.#half - age);
  }

  /** The caller reads all that the thread streams: what runs there at this moment is watched. */
  async watchThread(caller: IncomingHttpHeaders, threadId: string): Promise<void> {
    try {
      if (!(await this.#forgets())) return;
      const client = clientFor(caller, this.#services.upstream, firstLookFetch());
      const running = await client.runs.list(threadId, { status: "running", select: ["run_id", "created_at"] });
      for (const { run_id, created_at } of running) this.watch(caller, threadId, run_id, ageOf({ created_at }));
    } catch (error) {
      // Whoever may not read the thread gets the server's own refusal.
      if ((statusOf(error) ?? 500) < 500) return;
      this.#services.log.warn({ err: error, thread_id: threadId }, "could not see what runs on the thread");
    }
  }

  /** The run's stream has come to its end. A long one is looked at once more: did it end well, or was it cut? */
  ended(runId: string): void {
    const watched = this.#watched.get(runId);
    if (!watched) return;
    if (!watched.latest && Date.now() - watched.since < this.#half) this.#forget(runId);
    else watched.looks.within(soon);
  }

  /** The latest snapshot of the run, this replica's or another's; throws `ProxyError` 502 if the store can't tell. */
  async find(client: Pick<Client, "store">, run: Run): Promise<Snapshot | undefined> {
    if (ageOf(run) < this.#half || !(await this.#forgets())) return undefined;
    const own = this.#latest(run.run_id);
    if (own && joins(own, Date.now(), this.window)) return own;
    const stored = await this.#store.get(client, run.run_id, snapshotKey(run));
    return own && stored && stored.until > own.until ? stored : (own ?? stored);
  }

  /** Whether some of what the run streamed may be so old that the server has forgotten it. */
  mayBeForgotten(run: Pick<Run, "created_at">): boolean {
    return ageOf(run) > this.window - 1000;
  }

  /** The run, as it has ended, is dealt with: nothing of it has to be kept any more. Nobody waits for its snapshot to go. */
  drop(client: Pick<Client, "store">, { run_id: runId, created_at, updated_at }: EndedRun): void {
    const isLong = this.#latest(runId) || Date.parse(updated_at) - Date.parse(created_at) >= this.#half;
    this.#forget(runId);
    if (isLong) void this.#remove(client, runId);
  }

  async #remove(client: Pick<Client, "store">, runId: string): Promise<void> {
    if (await this.#forgets().catch(() => true)) await this.#store.remove(client, runId);
  }

  /** Runs are left to whoever joins them next, through another replica. */
  close(): void {
    this.#isClosed = true;
    for (const { looks } of this.#watched.values()) looks.end();
  }

  /** What this replica has of the run. */
  #latest(runId: string): Snapshot | undefined {
    return this.#watched.get(runId)?.latest ?? this.#kept.get(runId);
  }

  get #half(): number {
    return this.window / 2;
  }

  /** Servers other than Python's, which the hosted platform shares, keep a run's stream whole. */
  async #forgets(): Promise<boolean> {
    const kind = await this.#services.server.kind();
    return kind === undefined || kind === "python";
  }

  #forget(runId: string): void {
    this.#watched.get(runId)?.looks.end();
    this.#watched.delete(runId);
    this.#kept.delete(runId);
  }

  #isWatched(runId: string, watched: Watched): boolean {
    return this.#watched.get(runId) === watched;
  }

  /** Resolves to when to look again, in milliseconds; to nothing if there is nothing more to see. */
  async #look(runId: string, watched: Watched): Promise<number | undefined> {
    const { threadId, caller } = watched;
    const began = Date.now();
    if (!(await this.#forgets())) return void this.#forget(runId);
    const client = clientFor(caller, this.#services.upstream, firstLookFetch());
    const run = await ifThere(client.runs.get(threadId, runId));
    if (run && !isResumable(run)) return void this.#forget(runId);
    if (run?.status === "pending") return this.#half;
    if (!run || (await this.#isDealtWith(client, threadId, run))) {
      this.#forget(runId);
      if (watched.latest) await this.#store.remove(client, runId);
      return undefined;
    }
    // Somebody will stop it, or say the next thing on its thread; nobody has done so while its last one was stored.
    if (watched.isAll) return this.#leave(runId, watched);
    watched.isAll = await this.#take(client, run, watched);
    // A server that answers late is not to be asked the later for it.
    if (!isTerminal(run)) return Math.max(this.#half - (Date.now() - began), this.#half / 2);
    if (!watched.isAll) throw new Error("The stream of a run that is over goes on.");
    return soon;
  }

  /** It has ended well, a stop through this or another replica has kept its text, or that has no place on its thread any more. */
  async #isDealtWith(client: Client, threadId: string, run: Run): Promise<boolean> {
    if (!isTerminal(run) || run.status === "success") return run.status === "success";
    const state = await readState(client, threadId);
    return isWhole(state, run, this.#services.settings.messagesKey) || (await hasNewerRun(client, threadId, run));
  }

  /** No look will find any more of it. */
  #leave(runId: string, { latest, isStored }: Watched): undefined {
    this.#forget(runId);
    if (!latest || isStored) return;
    this.#kept.set(runId, latest);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > mostKept && oldest) this.#kept.delete(oldest);
  }

  /** Resolves to whether the run has ended, and nothing more will come. */
  async #take(client: Client, run: Run, watched: Watched): Promise<boolean> {
    const { run_id: runId } = run;
    const own = this.#latest(runId);
    const { latest, isAll } = await takeSnapshot(client, this.#services, this.#store, run, watched.caller, own);
    if (!latest || !this.#isWatched(runId, watched)) return isAll;
    const key = snapshotKey(run);
    watched.latest = latest;
    watched.isStored = key !== undefined && (await this.#store.put(client, runId, key, latest));
    this.#services.metrics.snapshots.inc({ kept: watched.isStored ? "store" : "memory" });
    // It was dealt with meanwhile.
    if (watched.isStored && !this.#isWatched(runId, watched)) await this.#store.remove(client, runId);
    return isAll;
  }
}

/** In milliseconds. */
export const ageOf = ({ created_at }: Pick<Run, "created_at">): number => Date.now() - Date.parse(created_at);
