import { sdk, send, stop } from "../tests/helpers/flow.ts";
import { startMeasured } from "./measured.ts";
import { startServer } from "./server.ts";
import { median, quantile, table } from "./table.ts";

const rounds = 20;

/** How long a Stop in mid-text takes until the text is stored, and the server's own cancel, which stores none, in turn. */
export async function stops(): Promise<string> {
  const { server, model, close } = await startServer(20);
  const replica = await startMeasured("contestant", "fermata", server.url);
  const direct = sdk(server.url);
  const client = sdk(replica.url);
  const text = Array.from({ length: 1000 }, (_, n) => `word-${n} `);
  const begun = async (through: typeof client, prompt: string) => {
    model.script(prompt, { text, pace: 5 });
    const { thread_id: threadId } = await through.threads.create();
    const live = send(through, threadId, prompt, { graph: "react", streamMode: ["messages-tuple"] });
    await live.showed("word-50 ");
    return { threadId, live };
  };
  const took = { bare: [] as number[], fermata: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const bare = await begun(direct, `bare ${round}`);
    const runId = await bare.live.runId;
    took.bare.push(await timed(() => direct.runs.cancel(bare.threadId, runId, true)));
    await bare.live.ended;
    const ours = await begun(client, `fermata ${round}`);
    took.fermata.push(await timed(() => stop(replica.url, ours.threadId)));
    await ours.live.ended;
  }
  await replica.close();
  await close();
  const row = (name: string, times: number[]) => [
    name,
    ...[median(times), quantile(times, 0.95)].map((time) => `${Math.round(time)}`),
  ];
  return table(
    ["", "median, ms", "p95"],
    [row("the server's own cancel, waited for", took.bare), row("Stop through Fermata", took.fermata)],
  );
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await call();
  return performance.now() - began;
}
