import { within } from "../within.ts";

/** A client that hangs up may be sending its Stop on another connection; so long its reads are held, in milliseconds. */
const afterHangUp = 150;
/** A client that hangs up and then asks on another connection may be heard in the other order; so long it is held while a run is streamed here, in milliseconds. */
const beforeHangUp = 100;
/** No stop holds a read for longer than this, in milliseconds. */
const longestHold = 10_000;

/** Sent at once, a start and a Stop arrive in any order; a start so shortly behind its Stop is still meant, in milliseconds. */
const sentTogether = 100;

interface Stopping {
  over: Promise<unknown>;
  /** Who asked for it, as long as nobody knows whether they may: it holds nobody else. */
  asker?: string;
}

interface Thread {
  creations: Set<Promise<string | undefined>>;
  /** Runs that wait for a stop to end before they are created. */
  held: Set<() => void>;
  stops: Set<Stopping>;
  hungUpAt: number;
  /** Readers of its runs. */
  readers: number;
  /** Wakes those who wait to see whether a stop, or a run, is still to come. */
  wake: Set<() => void>;
  /** Wakes those who wait to see whether a reader has just left. */
  wakeOnHangUp: Set<() => void>;
}

/**
 * What this replica is doing on each thread right now: runs that are being
 * created, stops that are under way, readers that have just left. Nothing here
 * has to last; a replica that forgets it loses no text.
 */
export class Threads {
  #threads = new Map<string, Thread>();

  /** A run is to be created, after the stops under way; resolves to what tells its id, or that none came of it. */
  async creating(threadId: string, caller?: string): Promise<(runId?: string) => void> {
    const thread = this.#threads.get(threadId);
    if (thread && stopsFor(thread, caller).length > 0) return await this.#heldCreation(threadId, thread, caller);
    await this.quiet(threadId, caller);
    return this.#create(threadId);
  }

  async #heldCreation(threadId: string, thread: Thread, caller?: string): Promise<(runId?: string) => void> {
    let created: ((runId?: string) => void) | undefined;
    let resolve!: () => void;
    const admitted = new Promise<void>((done) => {
      resolve = done;
    });
    const admit = () => {
      created = this.#create(threadId);
      resolve();
    };
    thread.held.add(admit);
    for (const wake of thread.wake) wake();
    await Promise.race([admitted, this.quiet(threadId, caller)]);
    thread.held.delete(admit);
    return created ?? this.#create(threadId);
  }

  #create(threadId: string): (runId?: string) => void {
    const thread = this.#open(threadId);
    let done!: (runId?: string) => void;
    const creation = new Promise<string | undefined>((resolve) => {
      done = resolve;
    });
    thread.creations.add(creation);
    void creation.then(() => {
      thread.creations.delete(creation);
      this.#sweep(threadId);
    });
    return done;
  }

  /**
   * For a stop that finds nothing to stop: lets in the runs that were sent
   * together with it, and resolves to whether there are any.
   */
  async admitTogether(threadId: string, arrivedAt: number): Promise<boolean> {
    const thread = this.#open(threadId);
    const rest = () => arrivedAt + sentTogether - performance.now();
    while (thread.held.size === 0 && rest() > 0) await this.#wakeOr(thread.wake, rest());
    const admitted = [...thread.held];
    thread.held.clear();
    for (const admit of admitted) admit();
    return admitted.length > 0;
  }

  /** Resolves when every run that is being created at this moment has its id, or after 10 s. */
  async created(threadId: string): Promise<void> {
    const creations = [...(this.#threads.get(threadId)?.creations ?? [])];
    if (creations.length > 0) await within(longestHold, Promise.all(creations));
  }

  /**
   * Runs a stop; reads of the thread and new runs on it wait until it is over, however it ends. With an
   * `asker`, only theirs do until the stop calls `granted`: a stranger's Stop is to hold nobody.
   */
  async stopping<T>(threadId: string, stop: (granted: () => void) => Promise<T>, asker?: string): Promise<T> {
    const thread = this.#open(threadId);
    const wake = () => {
      for (const awake of [...thread.wake, ...thread.wakeOnHangUp]) awake();
    };
    const stopping: Stopping = { over: Promise.resolve(), asker };
    const running = stop(() => {
      stopping.asker = undefined;
      wake();
    });
    stopping.over = running.then(
      () => undefined,
      () => undefined,
    );
    thread.stops.add(stopping);
    wake();
    void stopping.over.then(() => {
      thread.stops.delete(stopping);
      this.#sweep(threadId);
    });
    return await running;
  }

  /** Somebody reads one of the thread's runs; returns what tells that it has gone. */
  reading(threadId: string): () => void {
    this.#open(threadId).readers += 1;
    return () => {
      this.#open(threadId).readers -= 1;
      this.#sweep(threadId);
    };
  }

  /** A reader of a run has left before its end. */
  hungUp(threadId: string): void {
    const thread = this.#open(threadId);
    thread.hungUpAt = Date.now();
    for (const wake of thread.wakeOnHangUp) wake();
    setTimeout(() => this.#sweep(threadId), afterHangUp + 1).unref();
  }

  /** Resolves when no stop is under way on any thread. */
  async idle(): Promise<void> {
    for (;;) {
      const stops = [...this.#threads.values()].flatMap((thread) => [...thread.stops].map(({ over }) => over));
      if (stops.length === 0) return;
      await Promise.all(stops);
    }
  }

  isStopping(threadId: string): boolean {
    return (this.#threads.get(threadId)?.stops.size ?? 0) > 0;
  }

  /** Resolves when no stop is under way on the thread that concerns the caller, and none is to be expected, or after 10 s. */
  async quiet(threadId: string, caller?: string): Promise<void> {
    const thread = this.#threads.get(threadId);
    if (!thread) return;
    const stops = () => stopsFor(thread, caller);
    if (thread.readers > 0 && stops().length === 0) await this.#wakeOr(thread.wakeOnHangUp, beforeHangUp);
    const rest = () => thread.hungUpAt + afterHangUp - Date.now();
    while (rest() > 0 && stops().length === 0) await this.#wakeOr(thread.wake, rest());
    const deadline = Date.now() + longestHold;
    while (stops().length > 0 && Date.now() < deadline) {
      await within(deadline - Date.now(), Promise.all(stops().map(({ over }) => over)));
    }
  }

  async #wakeOr(wakers: Thread["wake"], milliseconds: number): Promise<void> {
    let wake!: () => void;
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    wakers.add(wake);
    await within(milliseconds, woken);
    wakers.delete(wake);
  }

  #open(threadId: string): Thread {
    const thread = this.#threads.get(threadId) ?? {
      creations: new Set(),
      held: new Set(),
      stops: new Set(),
      hungUpAt: 0,
      readers: 0,
      wake: new Set(),
      wakeOnHangUp: new Set(),
    };
    this.#threads.set(threadId, thread);
    return thread;
  }

  #sweep(threadId: string): void {
    const thread = this.#threads.get(threadId);
    if (!thread || thread.creations.size > 0 || thread.stops.size > 0 || thread.readers > 0) return;
    if (Date.now() - thread.hungUpAt >= afterHangUp) this.#threads.delete(threadId);
  }
}

/** The stops that a caller has to wait for. */
function stopsFor({ stops }: Thread, caller: string | undefined): Stopping[] {
  return [...stops].filter(({ asker }) => asker === undefined || asker === caller);
}
