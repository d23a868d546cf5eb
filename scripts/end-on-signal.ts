/** Runs `end` at the first SIGINT, SIGTERM or SIGHUP and exits with 0 after it; a second signal doesn't wait for it. */
export function endOnSignal(end: (signal: NodeJS.Signals) => Promise<void>): void {
  let since: number | undefined;
  const receive = (signal: NodeJS.Signals) => {
    if (since === undefined) {
      since = performance.now();
      void end(signal).then(() => process.exit(0));
    } else if (performance.now() - since > 500) {
      // Sooner it is the same one again: npm passes on what the terminal has sent to every process itself.
      process.exit(0);
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, receive);
}
