import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "@langchain/langgraph-sdk";
import { isMessage, isObject, itemsIn, type Message, messagesIn, textOf } from "../../proxy/core/message.ts";
import type { StrictModel } from "../helpers/strict-model.ts";
import { dice } from "./dice.ts";
import { afterwards, brief, improviseOn } from "./improvise.ts";
import { dirt, lostQuestion, lostText, type Shown } from "./verdict.ts";

export interface StormOptions {
  /** The proxy's client, and its base URL. */
  client: Client;
  url: string;
  model: StrictModel;
  shapes: string[];
  stops: number;
  seed: string;
  /** The server tells of every tool that starts and ends. */
  exact: boolean;
  /** Called with each stop that went wrong. */
  report: (line: string) => void;
}

/** So many stops lost text, left a thread that can't go on, or left something that is not so. */
export interface Tally {
  lost: number;
  wedged: number;
  dirty: number;
  /** How the stops ended. */
  outcomes: Record<string, number>;
}

/** How long one stop and what belongs to it may take, in milliseconds. */
const patience = 45_000;

/** Stops random runs at random moments, four at a time, and looks at what is left. */
export async function storm(options: StormOptions): Promise<Tally> {
  improviseOn(options.model);
  const tally: Tally = { lost: 0, wedged: 0, dirty: 0, outcomes: {} };
  let next = 0;
  const worker = async () => {
    while (next < options.stops) {
      const prompt = `storm ${options.seed}.${next++}`;
      const progress = { step: "" };
      const late = delay(patience, "late" as const, { ref: false });
      if ((await Promise.race([oneStop(options, prompt, tally, progress), late])) !== "late") continue;
      tally.wedged += 1;
      options.report(`WEDGED ${progress.step}: nothing for ${patience / 1000} s`);
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  return tally;
}

async function oneStop(options: StormOptions, prompt: string, tally: Tally, progress: { step: string }): Promise<void> {
  const { client, model, shapes } = options;
  const { pick, chance, roll } = dice(prompt);
  const shape = pick(shapes);
  const key = shape === "other_key" ? "dialogue" : "messages";
  const action = pick(["interrupt", "interrupt", "rollback"] as const);
  const keep = pick(["partial", "partial", "partial", "nothing"] as const);
  const byCancel = keep === "partial" && chance(0.5);
  const moment = chance(0.1) ? -1 : chance(0.1) ? 1000 : roll(1, 60);
  const label = `${prompt} ${shape} ${action}/${keep}${byCancel ? " by cancel" : ""} at ${moment}`;
  const at = (step: string) => {
    progress.step = `${label}, ${step}`;
  };
  const inputFor = (text: string) =>
    shape === "no_conversation" ? { topic: text } : { [key]: [{ role: "user", content: text }] };

  at("before the run");
  const { thread_id: threadId } = await client.threads.create();
  if (chance(0.3)) await finish(client, threadId, shape, inputFor(`earlier ${prompt}${afterwards}`));
  const before = await client.threads.getState(threadId);

  const shown = new Map<string, Shown>();
  let runId: string | undefined;
  let parts = 0;
  let lastPartAt = performance.now();
  const reading = (async () => {
    const stream = client.runs.stream(threadId, shape, {
      input: inputFor(prompt),
      streamMode: ["values", "messages-tuple"],
      streamSubgraphs: chance(0.5),
      onRunCreated: ({ run_id }) => {
        runId = run_id;
      },
    });
    for await (const part of stream) {
      parts += 1;
      lastPartAt = performance.now();
      show(shown, part as { event: string; data: unknown });
    }
  })();
  let ended = false;
  const over = reading.then(() => {
    ended = true;
  });
  at("waiting for its moment");
  // So many parts after the start, or when nothing more comes: some tools never answer.
  const stalled = () => parts > 0 && performance.now() - lastPartAt > 300;
  while (!ended && parts < moment && !stalled()) await delay(1);
  while (byCancel && !runId && !ended) await delay(1);

  at("stopping");
  const stoppedAt = performance.now();
  const seen = structuredClone([...shown.values()]);
  let outcome = "cancelled";
  if (byCancel && runId) await client.runs.cancel(threadId, runId, false, action).catch(ignoreGone);
  else outcome = await stop(options.url, threadId, { action, keep });
  // Pressed before the start had gone out: it would go on for ever, so it is pressed again.
  while (outcome === "idle" && moment < 0 && !ended) outcome = await stop(options.url, threadId, { action, keep });
  at(`${outcome}, the stream ends`);
  await over;
  tally.outcomes[outcome] = (tally.outcomes[outcome] ?? 0) + 1;

  const after = await client.threads.getState(threadId);
  const messages = itemsIn(after.values, key).map(inWireForm);
  const paused = after.tasks.some((task) => (task.interrupts?.length ?? 0) > 0);
  const lost = keep === "partial" ? lostText(seen, messages) : [];
  const undone = action === "rollback" && keep === "nothing";
  if (shape !== "no_conversation" && !undone) lost.push(...lostQuestion(prompt, messages));
  const dirty = paused ? [] : dirt(messages, model, stoppedAt, options.exact);
  if (!paused && after.next.length > 0) dirty.push(`next is ${after.next}`);
  // Without a reducer the input takes the place of what was there, stopped or not.
  if (shape !== "no_reducer") dirty.push(...changes(itemsIn(before.values, key).map(inWireForm), messages));
  if (outcome === "stopped" && keep === "nothing" && action === "rollback") {
    if (JSON.stringify(after.values) !== JSON.stringify(before.values)) dirty.push("the turn is not undone");
  }
  at(`${outcome}, the next message`);
  const wedged = await goesOn(options, threadId, shape, inputFor(`${prompt}${afterwards}`), paused, key);

  tally.lost += lost.length > 0 ? 1 : 0;
  tally.dirty += dirty.length > 0 ? 1 : 0;
  tally.wedged += wedged ? 1 : 0;
  for (const problem of lost) options.report(`LOST ${label} → ${outcome}: ${problem}`);
  for (const problem of dirty) options.report(`DIRTY ${label} → ${outcome}: ${problem}`);
  if (wedged) options.report(`WEDGED ${label} → ${outcome}: ${wedged}`);
}

/** Without a reducer a message stands there as its client sent it. */
const inWireForm = (item: object): Message => {
  const { role, ...message } = item as Message & { role?: string };
  return role === "user" ? { ...message, type: "human" } : message;
};

/** Messages from before the turn that are no longer what they were. */
function changes(before: Message[], after: Message[]): string[] {
  return before.flatMap((message, at) =>
    JSON.stringify(after[at]) === JSON.stringify(message)
      ? []
      : [`message ${at} from before the turn was ${JSON.stringify(message)}, is ${JSON.stringify(after[at])}`],
  );
}

/** Sends the next message; says what went wrong. */
async function goesOn(
  { client }: StormOptions,
  threadId: string,
  shape: string,
  input: Record<string, unknown>,
  paused: boolean,
  key: string,
): Promise<string | undefined> {
  const error = await finish(client, threadId, shape, paused ? null : input);
  if (error) return error;
  if (paused || shape === "no_conversation") return undefined;
  const { values, next } = await client.threads.getState(threadId);
  const last = messagesIn(values, key).at(-1);
  if (next.length > 0) return `next is ${next} after the next message`;
  return textOf(last?.content) === brief ? undefined : `the next message was answered ${JSON.stringify(last?.content)}`;
}

/** Runs a turn to its end; a pause is resumed with a no. Returns the error, if it failed. */
async function finish(client: Client, threadId: string, shape: string, input: Record<string, unknown> | null) {
  const asked = input === null ? { command: { resume: "no" } } : { input };
  let error: string | undefined;
  try {
    for await (const part of client.runs.stream(threadId, shape, { ...asked, streamMode: ["values"] })) {
      if ((part.event as string) === "error") error = JSON.stringify(part.data);
    }
  } catch (thrown) {
    error = String(thrown);
  }
  return error;
}

function show(shown: Map<string, Shown>, { event, data }: { event: string; data: unknown }): void {
  if (event.split("|")[0] !== "messages" || !Array.isArray(data) || !isMessage(data[0])) return;
  const [message, metadata] = data as [Message, unknown];
  if (!message.id || message.type === "tool" || message.type === "human") return;
  const namespace = isObject(metadata) ? String(metadata.langgraph_checkpoint_ns ?? "") : "";
  const spoken = !namespace.split("|").some((segment) => /^(tools|act|notebook|route|write|shorten):/.test(segment));
  const entry = shown.get(message.id) ?? { id: message.id, text: "", spoken };
  const whole =
    message.type === "ai" && "chunk_position" in message === false && entry.text === textOf(message.content);
  if (!whole) entry.text += textOf(message.content);
  shown.set(message.id, entry);
}

async function stop(url: string, threadId: string, body: unknown): Promise<string> {
  const answer = await fetch(`${url}/threads/${threadId}/stop`, { method: "POST", body: JSON.stringify(body) });
  const { outcome, message } = (await answer.json()) as { outcome?: string; message?: string };
  return outcome ?? `${answer.status} ${message}`;
}

/** 404: the run had ended, and the server says so. */
function ignoreGone(error: { status?: number }): void {
  if (error.status !== 404) throw error;
}
