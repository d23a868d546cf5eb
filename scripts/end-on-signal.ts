/** What ends `npm start`: a signal, or the end of the `npm` that it runs in. */
export type EndingReason = NodeJS.Signals | "parent";

/** Runs `end` at the first SIGINT, SIGTERM or SIGHUP and exits with 0 after it; a second signal doesn't wait for it. */
export function endOnSignal(end: (reason: EndingReason) => Promise<void>, underNpm: boolean): void {
  let since: number | undefined;
  const receive = (reason: EndingReason) => {
    if (since === undefined) {
      since = performance.now();
      void end(reason).then(() => process.exit(0));
    } else if (performance.now() - since > 500) {
      // Sooner it is the same one again: npm passes on what the terminal has sent to every process itself.
      process.exit(0);
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, receive);
  if (underNpm) {
    onceOrphaned(() => {
      if (since === undefined) receive("parent");
    });
  }
}

/** A SIGTERM for npm goes to the shell in between, which dies of it and tells nobody. */
function onceOrphaned(tell: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    tell();
  }, 500).unref();
}
