import type { ServerResponse } from "node:http";
import { type Gate, gate } from "../gate.ts";

/** The runs of the probe tool under one name. */
export interface Probe {
  started: Gate;
  /** A run that began anew has called it once more. */
  startedAgain: Gate;
  /** The tool's connection was closed before it had its answer. */
  hungUp: Gate;
  answer(text: string): void;
  /** The tool throws. */
  fail(): void;
  /** The tool throws the first time, and waits when it is tried again. */
  failsFirst?: boolean;
  /** When it happened, by `performance.now()`. */
  startedAt?: number;
  answeredAt?: number;
  hungUpAt?: number;
}

/** Said: the text, or nothing where the probe fails. */
type Asked = Probe & { said: Gate<string | undefined> };

/** What the probe tool asks, by name. */
export class Probes {
  readonly #probes = new Map<string, Asked>();

  get(name: string): Asked {
    const said = gate<string | undefined>();
    const fail = () => said.open(undefined);
    const gates = { started: gate(), startedAgain: gate(), hungUp: gate() };
    const probe = this.#probes.get(name) ?? { ...gates, said, answer: said.open, fail };
    this.#probes.set(name, probe);
    return probe;
  }

  async serve(name: string, response: ServerResponse): Promise<void> {
    const probe = this.get(name);
    if (probe.startedAt !== undefined) probe.startedAgain.open();
    probe.startedAt ??= performance.now();
    probe.started.open();
    response.once("close", () => {
      if (response.writableFinished) return;
      probe.hungUpAt ??= performance.now();
      probe.hungUp.open();
    });
    if (probe.failsFirst) {
      probe.failsFirst = false;
      response.writeHead(500).end("It does not work.");
      return;
    }
    const text = await probe.said.opened;
    if (response.destroyed) return;
    if (text === undefined) response.statusCode = 500;
    response.end(text ?? "It does not work.", () => {
      probe.answeredAt = performance.now();
    });
  }
}
