import { randomUUID } from "node:crypto";
import type { Emission } from "./emitter.ts";
import { type Measured, startMeasured } from "./measured.ts";
import { median, quantile, table } from "./table.ts";

const rounds = 5;
const fullSpeed = { streams: 8, parts: 10_000, bytes: 1000 };
const paced = { streams: 100, parts: 250, bytes: 1000, perSecond: 50 };

/**
 * What it costs to stand between: streams at full speed, and many at a model's
 * pace, straight from the server, through the pass-through library alone, and
 * through Fermata, in turn.
 */
export async function forwarding(): Promise<string> {
  const emitter = await startMeasured("emitter");
  const through = {
    "pass-through library": await startMeasured("contestant", "httpxy", emitter.url),
    Fermata: await startMeasured("contestant", "fermata", emitter.url),
  };
  const ways: [string, Measured | undefined][] = [["straight", undefined], ...Object.entries(through)];
  const results = new Map(
    ways.map(([name]) => [name, { rate: [] as number[], cpu: [] as number[], late: [] as number[][] }]),
  );
  for (let round = 0; round <= rounds; round++) {
    for (const [name, way] of ways) {
      const url = (way ?? emitter).url;
      const before = (await way?.cpu()) ?? 0;
      const began = performance.now();
      await Promise.all(Array.from({ length: fullSpeed.streams }, () => read(url, fullSpeed)));
      const seconds = (performance.now() - began) / 1000;
      const count = fullSpeed.streams * fullSpeed.parts;
      const cpu = way ? ((await way.cpu()) - before) / count : 0;
      const late = await Promise.all(Array.from({ length: paced.streams }, () => read(url, paced)));
      // The first round warms up.
      if (round === 0) continue;
      const result = results.get(name);
      result?.rate.push(count / seconds);
      result?.cpu.push(cpu);
      result?.late.push(late.flat());
    }
  }
  for (const process of [emitter, ...Object.values(through)]) await process.close();
  return table(
    ["", "parts/s", "CPU a part, µs", "late, ms: p50", "p99"],
    [...results].map(([name, { rate, cpu, late }]) => [
      name,
      Math.round(median(rate)).toLocaleString("en"),
      cpu.some((one) => one > 0) ? median(cpu).toFixed(1) : "",
      median(late.map((one) => quantile(one, 0.5))).toFixed(1),
      median(late.map((one) => quantile(one, 0.99))).toFixed(1),
    ]),
  );
}

/** Reads one run to its end; how late each part was, in milliseconds. */
async function read(url: string, emission: Emission): Promise<number[]> {
  const answer = await fetch(`${url}/threads/${randomUUID()}/runs/stream`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ assistant_id: "agent", input: emission, stream_mode: ["messages-tuple"] }),
  });
  const late: number[] = [];
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    const now = performance.timeOrigin + performance.now();
    rest += decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let at = rest.indexOf('"sent_at":'); at !== -1; at = rest.indexOf('"sent_at":', from)) {
      const end = rest.indexOf("}", at);
      if (end === -1) break;
      late.push(now - Number(rest.slice(at + 10, end)));
      from = end;
    }
    rest = rest.slice(from);
  }
  if (late.length !== emission.parts) throw new Error(`${late.length} of ${emission.parts} parts arrived`);
  return late;
}
