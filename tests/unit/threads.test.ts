import { setImmediate as immediate } from "node:timers/promises";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Threads } from "../../proxy/stop/threads.ts";
import { type Gate, gate } from "../helpers/gate.ts";

let threads: Threads;
beforeEach(() => {
  threads = new Threads();
});

/** A stop that is under way until its gate is opened. */
function stopping(threadId = "t"): { over: Gate; stopped: Promise<void> } {
  const over = gate();
  return { over, stopped: threads.stopping(threadId, () => over.opened) };
}

/** What has happened so far, in order. */
function watch(named: Record<string, Promise<unknown>>): string[] {
  const happened: string[] = [];
  for (const [name, promise] of Object.entries(named)) void promise.then(() => happened.push(name));
  return happened;
}

const after = async (promise: Promise<unknown>) => {
  const since = performance.now();
  await promise;
  return performance.now() - since;
};

describe("reads of a thread", () => {
  it("go on at once where nothing happens", async () => {
    expect(await after(threads.quiet("t"))).toBeLessThan(50);
  });

  it("wait for its stop, and not for another thread's (case 7)", async () => {
    const { over, stopped } = stopping();
    const happened = watch({ read: threads.quiet("t"), other: threads.quiet("u"), stopped });
    await immediate();
    expect(happened).toEqual(["other"]);
    expect([threads.isStopping("t"), threads.isStopping("u")]).toEqual([true, false]);
    over.open();
    await threads.quiet("t");
    await immediate();
    expect(happened.sort()).toEqual(["other", "read", "stopped"]);
    expect(threads.isStopping("t")).toBe(false);
  });

  it("wait for a second stop that began meanwhile", async () => {
    const first = stopping();
    const second = stopping();
    const happened = watch({ read: threads.quiet("t") });
    first.over.open();
    await first.stopped;
    await immediate();
    expect(happened).toEqual([]);
    second.over.open();
    await expect.poll(() => happened).toEqual(["read"]);
  });

  it("go on after a stop that failed, and its caller learns why", async () => {
    const failed = threads.stopping("t", () => Promise.reject(new Error("no")));
    const read = threads.quiet("t");
    await expect(failed).rejects.toThrow("no");
    await read;
    expect(threads.isStopping("t")).toBe(false);
  });

  it("are held for a moment after a hang-up, whose Stop may be on its way (case 7)", async () => {
    threads.hungUp("t");
    expect(await after(threads.quiet("t"))).toBeGreaterThan(100);
    expect(await after(threads.quiet("t"))).toBeLessThan(50);
  });

  it("are held by nothing that a hang-up leaves behind for good, however the clocks are rounded", () => {
    vi.useFakeTimers();
    const deleted = vi.spyOn(Map.prototype, "delete");
    const now = vi.spyOn(Date, "now").mockReturnValue(1000);
    try {
      threads.hungUp("t");
      // Timers count fractions of milliseconds, too: 150.1 of them may be 150 by the clock.
      now.mockReturnValue(1150);
      vi.advanceTimersByTime(151);
      expect(deleted).toHaveBeenCalledWith("t");
    } finally {
      vi.restoreAllMocks();
      vi.useRealTimers();
    }
  });

  it("after a hang-up wait for the Stop that comes, to its end (case 7)", async () => {
    threads.hungUp("t");
    const happened = watch({ read: threads.quiet("t") });
    const { over } = stopping();
    // The moment after a later hang-up is over, and so is this one's.
    threads.hungUp("u");
    await threads.quiet("u");
    expect(happened).toEqual([]);
    over.open();
    await expect.poll(() => happened).toEqual(["read"]);
  });

  it("wait for the Stop of a reader whose hang-up is heard after them", async () => {
    const gone = threads.reading("t");
    const happened = watch({ read: threads.quiet("t") });
    await immediate();
    threads.hungUp("t");
    const { over } = stopping();
    gone();
    await new Promise((later) => setTimeout(later, 200));
    expect(happened).toEqual([]);
    over.open();
    await expect.poll(() => happened).toEqual(["read"]);
    expect(await after(threads.quiet("u"))).toBeLessThan(50);
  });

  it("are held for a moment only while a run is read, once it is left", async () => {
    threads.reading("t")();
    expect(await after(threads.quiet("t"))).toBeLessThan(50);
  });

  it("are not held for a moment more when the Stop is over before it", async () => {
    threads.hungUp("t");
    const { over, stopped } = stopping();
    const read = threads.quiet("t");
    over.open();
    await stopped;
    expect(await after(read)).toBeLessThan(100);
  });
});

describe("a Stop by who may not be allowed to", () => {
  /** Under way, and not known to be anything but a stranger's until it is granted. */
  function asked(by: string) {
    const [allowed, over] = [gate(), gate()];
    const stop = async (granted: () => void) => {
      await allowed.opened;
      granted();
      await over.opened;
    };
    void threads.stopping("t", stop, by);
    return { allowed, over };
  }

  it("holds whoever asks for it, and nobody else", async () => {
    const { allowed, over } = asked("bob");
    const happened = watch({ his: threads.quiet("t", "bob"), hers: threads.quiet("t", "alice") });
    await threads.creating("t", "alice");
    await immediate();
    expect(happened).toEqual(["hers"]);
    allowed.open();
    over.open();
    await expect.poll(() => happened).toEqual(["hers", "his"]);
  });

  it("holds everybody as soon as it is granted", async () => {
    const { allowed, over } = asked("alice");
    allowed.open();
    await immediate();
    const happened = watch({ his: threads.quiet("t", "bob"), created: threads.creating("t", "carol") });
    await immediate();
    expect(happened).toEqual([]);
    over.open();
    await expect.poll(() => happened.sort()).toEqual(["created", "his"]);
  });

  it("that is refused does not end the moment for which others wait for a Stop of their own", async () => {
    threads.hungUp("t");
    const read = after(threads.quiet("t", "alice"));
    await expect(threads.stopping("t", () => Promise.reject(new Error("404")), "bob")).rejects.toThrow("404");
    expect(await read).toBeGreaterThan(100);
  });
});

describe("a run that is to be created", () => {
  it("is created at once where nothing happens", async () => {
    const created = await threads.creating("t");
    const happened = watch({ known: threads.created("t") });
    await immediate();
    expect(happened).toEqual([]);
    created("r1");
    await expect.poll(() => happened).toEqual(["known"]);
  });

  it("waits for the end of a stop (case 4)", async () => {
    const { over } = stopping();
    const happened = watch({ created: threads.creating("t") });
    await immediate();
    expect(happened).toEqual([]);
    over.open();
    await expect.poll(() => happened).toEqual(["created"]);
  });

  it("is awaited by a stop that came after it, and by none that came before (cases 1, 3)", async () => {
    await threads.created("t");
    const created = await threads.creating("t");
    const known = threads.created("t");
    const other = await threads.creating("t");
    created("r1");
    await known;
    const happened = watch({ both: threads.created("t") });
    await immediate();
    expect(happened).toEqual([]);
    other();
    await expect.poll(() => happened).toEqual(["both"]);
  });

  it("is let in by a stop that finds nothing and was sent together with it (case 1)", async () => {
    const { over } = stopping();
    const creation = threads.creating("t");
    expect(await threads.admitTogether("t", performance.now())).toBe(true);
    const created = await creation;
    const happened = watch({ known: threads.created("t") });
    await immediate();
    expect(happened).toEqual([]);
    created("r1");
    await expect.poll(() => happened).toEqual(["known"]);
    over.open();
  });

  it("is let in though it comes a moment after the stop (case 1)", async () => {
    const { over } = stopping();
    const admitted = threads.admitTogether("t", performance.now());
    const creation = threads.creating("t");
    expect(await admitted).toBe(true);
    (await creation)("r1");
    over.open();
  });

  it("is not waited for by a stop that came long ago (case 4)", async () => {
    const { over } = stopping();
    expect(await after(threads.admitTogether("t", performance.now() - 1000))).toBeLessThan(50);
    const happened = watch({ created: threads.creating("t") });
    await immediate();
    expect(happened).toEqual([]);
    over.open();
    await expect.poll(() => happened).toEqual(["created"]);
  });

  it("a stop with no start beside it learns so, soon", async () => {
    const { over } = stopping();
    const admitted = threads.admitTogether("t", performance.now());
    expect(await after(admitted)).toBeLessThan(200);
    expect(await admitted).toBe(false);
    over.open();
  });
});
