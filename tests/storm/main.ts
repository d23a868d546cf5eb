import { parseArgs } from "node:util";
import { Client } from "@langchain/langgraph-sdk";
import { freePort } from "../../scripts/free-port.ts";
import { graphs } from "../helpers/flows-setup.ts";
import { startDevServer, startPythonServer } from "../helpers/processes.ts";
import { startProxy } from "../helpers/proxy.ts";
import { startStrictModel } from "../helpers/strict-model.ts";
import { shapes } from "./shapes.ts";
import { storm } from "./storm.ts";

const { values } = parseArgs({
  options: {
    stops: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
});

/** `npm run test:storm -- --stops 200 --seed 7 [--only shape,shape]`: exits with 1 unless it prints 0 / 0 / 0. */
async function main(): Promise<number> {
  const port = await freePort();
  const model = await startStrictModel(port);
  const env = { OPENAI_BASE_URL: model.url };
  const python = process.env.PYTHON_LANGGRAPH;
  const server = python ? await startPythonServer(python, env) : await startDevServer(graphs, env);
  const proxy = await startProxy(server.url);
  const started = Date.now();
  const tally = await storm({
    client: new Client({
      apiUrl: proxy.url,
      apiKey: null,
      callerOptions: { maxConcurrency: Number.POSITIVE_INFINITY },
    }),
    url: proxy.url,
    model,
    shapes: values.only?.split(",") ?? shapes,
    stops: Number(values.stops),
    seed: values.seed,
    exact: !python,
    report: (line) => console.log(line),
  });
  const { lost, wedged, dirty, outcomes } = tally;
  console.log(`${values.stops} stops, seed ${values.seed}, ${Math.round((Date.now() - started) / 1000)} s:`, outcomes);
  for (const { violations } of model.rejected.slice(0, 5)) console.log("the model refused:", violations.join(" "));
  console.log(`lost / wedged / dirty: ${lost} / ${wedged} / ${dirty}`);
  await proxy.close();
  await server.close();
  await model.close();
  return lost + wedged + dirty === 0 ? 0 : 1;
}

process.exitCode = await main();
