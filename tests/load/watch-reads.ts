import { setTimeout as delay } from "node:timers/promises";

/** Reads one path again and again, at each server in turn. */
export interface ReadWatch {
  /** The slowest read since this was last asked, those under way included, in milliseconds. */
  slowestSoFar(): number;
  end(): Promise<void>;
}

/** A read every 50 ms, whether or not those before it have been answered. */
export function watchReads(urls: string[], path: string): ReadWatch {
  const over = new AbortController();
  const underWay = new Set<number>();
  let slowest = 0;
  const read = async (url: string) => {
    const sentAt = performance.now();
    underWay.add(sentAt);
    const answer = await fetch(url + path);
    await answer.arrayBuffer();
    underWay.delete(sentAt);
    slowest = Math.max(slowest, performance.now() - sentAt);
    if (!answer.ok) throw new Error(`${answer.status} for a read of ${path}`);
  };
  const watch = async () => {
    const reads: Promise<void>[] = [];
    for (let n = 0; !over.signal.aborted; n++) {
      reads.push(read(urls[n % urls.length] ?? ""));
      await delay(50);
    }
    await Promise.all(reads);
  };
  const watching = watch();
  return {
    slowestSoFar() {
      const result = Math.max(slowest, ...[...underWay].map((sentAt) => performance.now() - sentAt));
      slowest = 0;
      return result;
    },
    async end() {
      over.abort();
      await watching;
    },
  };
}
