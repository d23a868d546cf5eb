import { parseArgs } from "node:util";
import { Client } from "@langchain/langgraph-sdk";
import { freePort } from "../../scripts/free-port.ts";
import { graphs } from "../helpers/flows-setup.ts";
import { startDevServer, startPythonServer } from "../helpers/processes.ts";
import { startProxy } from "../helpers/proxy.ts";
import { startStrictModel } from "../helpers/strict-model.ts";
import { startMortalReplicas } from "./mortal-replicas.ts";
import { stormShapes } from "./shapes.ts";
import { storm } from "./storm.ts";

const { values } = parseArgs({
  options: {
    stops: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    replicas: { type: "string", default: "0" },
    "kill-every": { type: "string", default: "5" },
  },
});

/**
 * `npm run test:storm -- --stops 200 --seed 7 [--only shape,shape] [--replicas 2 --kill-every 5]`:
 * exits with 1 unless it prints 0 / 0 / 0. With replicas, one of them is killed every so many seconds.
 */
async function main(): Promise<number> {
  const port = await freePort();
  const model = await startStrictModel(port);
  const env = { OPENAI_BASE_URL: model.url };
  const python = process.env.PYTHON_LANGGRAPH;
  const server = python ? await startPythonServer(python, env) : await startDevServer(graphs, env);
  const count = Number(values.replicas);
  const mortal = count > 0 ? await startMortalReplicas(server.url, count, Number(values["kill-every"])) : undefined;
  const proxy = mortal ?? (await startProxy(server.url));
  const started = Date.now();
  const tally = await storm({
    client: clientOf(proxy.url),
    url: proxy.url,
    direct: clientOf(server.url),
    deaths: mortal?.deaths,
    model,
    shapes: stormShapes.filter(({ graph }) => values.only?.split(",").includes(graph) ?? true),
    stops: Number(values.stops),
    seed: values.seed,
    exact: !python,
    report: (line) => console.log(line),
  });
  const { lost, wedged, dirty, outcomes } = tally;
  if (mortal) console.log(`${mortal.deaths()} replicas killed`);
  console.log(`${values.stops} stops, seed ${values.seed}, ${Math.round((Date.now() - started) / 1000)} s:`, outcomes);
  for (const { violations } of model.rejected.slice(0, 5)) console.log("the model refused:", violations.join(" "));
  console.log(`lost / wedged / dirty: ${lost} / ${wedged} / ${dirty}`);
  await proxy.close();
  await server.close();
  await model.close();
  return lost + wedged + dirty === 0 ? 0 : 1;
}

const clientOf = (apiUrl: string) =>
  new Client({ apiUrl, apiKey: null, callerOptions: { maxConcurrency: Number.POSITIVE_INFINITY } });

process.exitCode = await main();
