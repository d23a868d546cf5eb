import type { Logger } from "pino";
import type { Settings } from "./env.ts";
import type { Metrics } from "./metrics.ts";
import type { ServerKindProbe } from "./server-kind.ts";
import type { Stepwise } from "./stepwise/stepwise.ts";
import type { Departures } from "./stop/departures.ts";
import type { HangUps } from "./stop/hang-ups.ts";
import type { Readers } from "./stop/readers.ts";
import type { Snapshots } from "./stop/snapshots.ts";
import type { StepEnds } from "./stop/step-ends.ts";
import type { Stops } from "./stop/stops.ts";
import type { Threads } from "./stop/threads.ts";
import type { Upstream } from "./upstream.ts";

/** What the routes work with; made once, in `app.ts`. */
export interface Services {
  settings: Settings;
  upstream: Upstream;
  server: ServerKindProbe;
  threads: Threads;
  stops: Stops;
  stepEnds: StepEnds;
  snapshots: Snapshots;
  readers: Readers;
  departures: Departures;
  hangUps: HangUps;
  stepwise: Stepwise;
  metrics: Metrics;
  log: Logger;
}
