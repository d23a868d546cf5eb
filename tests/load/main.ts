import { parseArgs } from "node:util";
import { freePort } from "../../scripts/free-port.ts";
import { sdk } from "../helpers/flow.ts";
import { graphs } from "../helpers/flows-setup.ts";
import { startDevServer, startPythonServer } from "../helpers/processes.ts";
import { startReplica } from "../helpers/replica.ts";
import { startStrictModel } from "../helpers/strict-model.ts";
import { type LoadReport, load } from "./load.ts";

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "200" },
    workers: { type: "string", default: "20" },
    bare: { type: "boolean", default: false },
  },
});

/**
 * `npm run test:load -- [--threads 200] [--workers 20] [--bare]`: exits with 1 unless every
 * stop is answered, every text whole, and no read of another thread takes a second longer than before.
 * How long it took is to be held against what `--bare` says of the server alone.
 */
async function main(): Promise<number> {
  const threads = Number(values.threads);
  const workers = Number(values.workers);
  const model = await startStrictModel(await freePort());
  const env = { OPENAI_BASE_URL: model.url };
  const python = process.env.PYTHON_LANGGRAPH;
  const { react = "" } = graphs;
  const server = python
    ? await startPythonServer(python, env, {}, workers)
    : await startDevServer({ react }, env, {}, workers);
  const replicas = await Promise.all([startReplica(server.url), startReplica(server.url)]);
  const urls = values.bare ? [server.url] : replicas.map(({ url }) => url);
  try {
    return tell(await load({ urls, direct: sdk(server.url), model, threads, workers, bare: values.bare }), threads);
  } finally {
    for (const replica of replicas) replica.kill("SIGTERM");
    await Promise.all(replicas.map(({ exited }) => exited));
    await server.close();
    await model.close();
  }
}

function tell({ outcomes, torn, stops, reads }: LoadReport, threads: number): number {
  for (const line of torn) console.log("TORN", line);
  console.log(`${threads} threads, ${threads / 2} stops within one second:`, outcomes);
  console.log(`a stop took ${inSeconds(stops.median)} (median), ${inSeconds(stops.slowest)} (slowest)`);
  console.log(`slowest read of another thread: ${inSeconds(reads.before)} before, ${inSeconds(reads.during)} during`);
  const isPrompt = reads.during - reads.before < 1000;
  const answered = (outcomes.stopped ?? 0) + (outcomes.finished ?? 0) === threads;
  return values.bare || (answered && torn.length === 0 && isPrompt) ? 0 : 1;
}

const inSeconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`;

process.exitCode = await main();
