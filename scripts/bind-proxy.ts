import type { Logger } from "pino";
import { createApp } from "../proxy/app.ts";
import type { Settings } from "../proxy/env.ts";
import { type Listening, listen } from "../proxy/listen.ts";

/** The proxy on the port of the settings, or on the first one after it that is free. */
export async function bindProxy(settings: Settings, log: Logger): Promise<Listening> {
  const app = createApp(settings, log);
  for (let port = settings.port; ; port++) {
    try {
      return await listen(app, settings.host, port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
}
