import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "@langchain/langgraph-sdk";
import { messagesIn } from "../../proxy/core/message.ts";
import { type Live, outline, sdk, send, shownIn, stop } from "../helpers/flow.ts";
import type { StrictModel } from "../helpers/strict-model.ts";
import { watchReads } from "./watch-reads.ts";

export interface LoadOptions {
  /** Where the clients connect to, in turn. */
  urls: string[];
  /** Past the proxy. */
  direct: Client;
  model: StrictModel;
  /** Each has a run that is streamed; half of them are stopped within one second. */
  threads: number;
  /** So many of them the server runs at once; the others are queued, and stopped there or in what they come to say. */
  workers: number;
  /** Stops by the server's own cancel instead of the proxy's Stop: what the server alone does under this load. */
  bare: boolean;
}

/** All times in milliseconds. */
export interface LoadReport {
  outcomes: Record<string, number>;
  /** Threads whose text is not what was shown, and more. */
  torn: string[];
  /** How long a stop took to be answered: the median, and the slowest. */
  stops: { median: number; slowest: number };
  /** The slowest read of another thread: while all streamed, and while half of them were being stopped. */
  reads: { before: number; during: number };
}

/** Longer than all of it takes. */
const words = Array.from({ length: 2000 }, (_, n) => `w${n} `);
const pace = 250;
/** How long the reads are watched before anything is stopped. */
const watched = 5000;

/** Streams on all threads, stops half of them within a second, and the others when that is over. */
export async function load(options: LoadOptions): Promise<LoadReport> {
  const { urls, direct, model, threads, workers } = options;
  const { thread_id: other } = await direct.threads.create({ graphId: "react" });
  await direct.threads.updateState(other, { values: { messages: [{ role: "user", content: "hello" }] } });
  const talks = await Promise.all(Array.from({ length: threads }, (_, n) => talk(model, n, urls)));
  while (talks.filter(({ live }) => said(live) !== "").length < workers) await delay(50);
  const reads = watchReads(urls, `/threads/${other}/state`);
  await delay(watched);
  const before = reads.slowestSoFar();
  const first = await stopAll(
    options,
    talks.filter((_, n) => n % 4 < 2),
    1000,
  );
  const during = reads.slowestSoFar();
  await reads.end();
  const second = await stopAll(
    options,
    talks.filter((_, n) => n % 4 >= 2),
    10_000,
  );
  const took = first.map(({ took }) => took).sort((a, b) => a - b);
  return {
    outcomes: count([...first, ...second].map(({ outcome }) => outcome)),
    torn: [...first, ...second].flatMap(({ torn }) => torn),
    stops: { median: took[took.length >> 1] ?? 0, slowest: took.at(-1) ?? 0 },
    reads: { before, during },
  };
}

/** A thread that is being talked on, and the address of the replica that it isn't streamed through. */
interface Talk {
  live: Live;
  elsewhere: string;
}

async function talk(model: StrictModel, n: number, urls: string[]): Promise<Talk> {
  const at = (turn: number) => urls[turn % urls.length] ?? "";
  const client = sdk(at(n));
  const { thread_id: threadId } = await client.threads.create();
  model.script(`load ${n}`, { text: words, pace });
  const live = send(client, threadId, `load ${n}`, { graph: "react", streamMode: ["messages-tuple"] });
  return { live, elsewhere: at(n + 1) };
}

/** Presses Stop on each, evenly over so many milliseconds. */
async function stopAll({ direct, bare }: LoadOptions, talks: Talk[], within: number) {
  return await Promise.all(
    talks.map(async ({ live, elsewhere }, n) => {
      await delay((within * n) / talks.length);
      const seen = said(live).trimEnd();
      const pressedAt = performance.now();
      const outcome = bare ? await cancelBare(direct, live) : (await stop(elsewhere, live.threadId)).body.outcome;
      const took = performance.now() - pressedAt;
      await live.ended;
      if (bare) return { outcome, took, torn: [] };
      const { values } = await direct.threads.getState(live.threadId);
      const [, reply = "nothing"] = outline(messagesIn(values, "messages"));
      const torn =
        seen === "" || reply.startsWith(`ai: ${seen}`) ? [] : [`${live.threadId}: shown ${seen}, stored ${reply}`];
      return { outcome, took, torn };
    }),
  );
}

async function cancelBare(direct: Client, live: Live): Promise<string> {
  await direct.runs.cancel(live.threadId, await live.runId, true);
  return "cancelled";
}

function count(outcomes: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

const said = ({ parts }: Live) => [...shownIn(parts).values()].join("");
