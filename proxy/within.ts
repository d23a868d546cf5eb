import { setTimeout as delay } from "node:timers/promises";

/** Waits for `what`, but not longer than so many milliseconds. */
export async function within(milliseconds: number, what: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const tooLong = delay(milliseconds, undefined, { signal: over.signal }).catch((error: Error) => {
    if (error.name !== "AbortError") throw error;
  });
  await Promise.race([what, tooLong]).finally(() => over.abort());
}
