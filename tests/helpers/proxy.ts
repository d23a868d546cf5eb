import { pino } from "pino";
import { createApp } from "../../proxy/app.ts";
import { readSettings } from "../../proxy/env.ts";
import { type Listening, listen } from "../../proxy/listen.ts";

/** A replica of the proxy in front of `upstream`, on a free port. */
export function startProxy(upstream: string, env: Record<string, string> = {}): Promise<Listening> {
  const settings = readSettings({ LANGGRAPH_API_URL: upstream, PORT: "0", LOG_LEVEL: "silent", ...env });
  return listen(createApp(settings, pino({ level: settings.logLevel })), settings.host, settings.port);
}
