import { pino } from "pino";
import { createApp } from "./app.ts";
import { environment, readSettings } from "./env.ts";
import { listen } from "./listen.ts";

/** `npm run proxy`: the proxy alone, in front of `LANGGRAPH_API_URL`. */
async function main(): Promise<void> {
  const settings = readSettings(environment());
  const log = pino({ level: settings.logLevel });
  const listening = await listen(createApp(settings, log), settings.host, settings.port);
  log.info({ url: listening.url, upstream: settings.upstreamUrl }, `Fermata listens on ${listening.url}`);
  const end = (signal: NodeJS.Signals, grace: number) => {
    log.info({ signal }, "closing");
    listening.close(grace).then(() => process.exit(0));
  };
  // Somebody waits at a terminal; a rolling update gives half a minute.
  process.once("SIGINT", (signal) => end(signal, 500));
  process.once("SIGTERM", (signal) => end(signal, 20_000));
}

main().catch((error: NodeJS.ErrnoException) => {
  console.error(`Fermata did not start: ${error.message}`);
  process.exit(1);
});
