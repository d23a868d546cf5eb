import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** What `/-/metrics` shows, in Prometheus' text format. */
export class Metrics {
  readonly #registry = new Registry();

  readonly stops = new Counter({
    name: "fermata_stops_total",
    help: "Stops by how they ended: stopped, finished, superseded, or failed.",
    labelNames: ["outcome"] as const,
    registers: [this.#registry],
  });

  readonly stopSeconds = new Histogram({
    name: "fermata_stop_seconds",
    help: "How long a stop took until the thread was reconciled.",
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.#registry],
  });

  readonly snapshots = new Counter({
    name: "fermata_snapshots_total",
    help: "Snapshots of long runs by where they are kept: store, or memory where the store refuses.",
    labelNames: ["kept"] as const,
    registers: [this.#registry],
  });

  readonly streams = new Gauge({
    name: "fermata_streams",
    help: "Streams of runs that are open to clients.",
    registers: [this.#registry],
  });

  readonly stepWaits = new Gauge({
    name: "fermata_step_waits",
    help: "Stops that wait for the end of a step.",
    registers: [this.#registry],
  });

  readonly waitingRuns = new Gauge({
    name: "fermata_waiting_runs",
    help: "Runs that are to be created, and wait for the end of one that is driven step by step.",
    registers: [this.#registry],
  });

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
