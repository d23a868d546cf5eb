import { sdk, send } from "../tests/helpers/flow.ts";
import { startCounting } from "./counting-shim.ts";
import { startMeasured } from "./measured.ts";
import { startServer } from "./server.ts";
import { table } from "./table.ts";

/** So many replies stream at a time, each with so many words a second. */
const streams = 50;
const perSecond = 5;

/**
 * What snapshots cost: the same long replies through a replica that takes them
 * every half window, and through one that never does, side by side.
 */
export async function longRuns({ minutes, window }: { minutes: number; window: number }): Promise<string> {
  const { server, model, close } = await startServer(2 * streams);
  const words = Array.from({ length: minutes * 60 * perSecond }, (_, n) => `word-${n} `);
  const measure = async (name: string, replayWindow: number) => {
    const shim = await startCounting(server.url);
    const replica = await startMeasured("contestant", "fermata", shim.url, String(replayWindow));
    const client = sdk(replica.url);
    const talk = async (n: number) => {
      const prompt = `${name}, ${n}`;
      model.script(prompt, { text: words, pace: 1000 / perSecond });
      const { thread_id: threadId } = await client.threads.create();
      await send(client, threadId, prompt, { graph: "react", streamMode: ["messages-tuple"] }).ended;
    };
    const [cpu, requests, began] = [await replica.cpu(), shim.requests(), performance.now()];
    await Promise.all(Array.from({ length: streams }, (_, n) => talk(n)));
    const took = (performance.now() - began) / 60_000;
    const spent = ((await replica.cpu()) - cpu) / 1e6 / took;
    const asked = (shim.requests() - requests - 2 * streams) / took;
    await replica.close();
    await shim.close();
    return [name, spent.toFixed(1), asked.toFixed(0), took.toFixed(1)];
  };
  const rows = await Promise.all([
    measure(`a snapshot every ${window / 2} s`, window),
    measure("no snapshots", minutes * 60 * 10),
  ]);
  await close();
  return table([`${streams} streams of ${perSecond} words/s`, "CPU, s/min", "requests/min", "minutes"], rows);
}
