import { sdk, send } from "../tests/helpers/flow.ts";
import { sendStepwise, speakers } from "../tests/helpers/stepwise.ts";
import { startCounting } from "./counting-shim.ts";
import { startMeasured } from "./measured.ts";
import { startServer } from "./server.ts";
import { median, quantile, table } from "./table.ts";

const rounds = 20;

/**
 * What a step costs beyond the node itself: how long it takes from the end of
 * one node to the beginning of the next, in one go and driven step by step; how
 * much of that until the next step is asked for, the rest being the server's to
 * pick it up; and how many requests.
 */
export async function stepwise(): Promise<string> {
  const { server, model, close } = await startServer(20);
  let asked: number[] = [];
  const shim = await startCounting(server.url, (method, url) => {
    if (method === "POST" && url.endsWith("/runs")) asked.push(performance.now());
  });
  const replica = await startMeasured("contestant", "fermata", shim.url);
  const [direct, client] = [sdk(server.url), sdk(replica.url)];

  /** When each node began, and ended, by its call to the model. */
  function watch(prompt: string) {
    return Promise.all(
      speakers.map(async (name) => {
        const call = await model.script(`${name}: ${prompt}`, { text: [`${name} `, "has ", "spoken."] }).call(0);
        const began = performance.now();
        return { began, ended: (await call.closed.opened).at };
      }),
    );
  }

  const took = { inOneGo: [] as number[], stepwise: [] as number[], ours: [] as number[], requests: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const [bare, driven] = [`bare ${round}`, `driven ${round}`];
    const nodes = watch(bare);
    await send(direct, (await direct.threads.create()).thread_id, bare, { graph: "pipeline" }).ended;
    took.inOneGo.push(...gaps(await nodes));
    const steps = watch(driven);
    asked = [];
    const before = shim.requests();
    await sendStepwise(client, (await direct.threads.create()).thread_id, driven, "pipeline").ended;
    took.requests.push((shim.requests() - before) / speakers.length);
    const seen = await steps;
    took.stepwise.push(...gaps(seen));
    took.ours.push(...asked.slice(0, 2).map((at, step) => at - (seen[step]?.ended ?? Number.NaN)));
  }
  await replica.close();
  await shim.close();
  await close();
  const row = (name: string, values: number[]) => [
    name,
    ...[median(values), quantile(values, 0.95)].map((value) => `${Math.round(value)}`),
  ];
  return table(
    ["between two nodes", "median", "p95"],
    [
      row("in one go, ms", took.inOneGo),
      row("step by step, ms", took.stepwise),
      row("of which until the next step is asked for, ms", took.ours),
      row("requests a step", took.requests),
    ],
  );
}

/** From the end of each node to the beginning of the next. */
const gaps = (nodes: { began: number; ended: number }[]) =>
  nodes.slice(1).map(({ began }, at) => began - (nodes[at]?.ended ?? Number.NaN));
