import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { ThreadState } from "@langchain/langgraph-sdk";
import type { Message } from "../../proxy/core/message.ts";
import { inOneForm } from "../helpers/one-form.ts";
import { hasNoConversation, inputFor, messagesOf } from "../helpers/shapes.ts";
import { dice } from "./dice.ts";
import { afterwards, patiently } from "./improvise.ts";
import { goesOn, isPaused } from "./next-message.ts";
import { type Shown, show } from "./shown.ts";
import type { Progress, StormOptions, Tally } from "./storm.ts";
import { cancel, createThread, finish, StartLost, stop, stream } from "./talk.ts";
import { dirt, lostQuestion, lostText, lostWords } from "./verdict.ts";

/** Starts a random run, stops it at a random moment, goes on, and tallies what is wrong then. False if there was nothing to cut. */
export async function oneStop(options: StormOptions, name: string, tally: Tally, progress: Progress): Promise<boolean> {
  const { client, model, shapes, deaths = () => 0 } = options;
  const { pick, chance, roll } = dice(name);
  const shape = pick(shapes);
  const { graph } = shape;
  const prompt = shape.mayPause ? `${name}${patiently}` : name;
  const exact = options.exact && !shape.untold;
  const action = pick(["interrupt", "interrupt", "rollback"] as const);
  const keep = pick(["partial", "partial", "partial", "nothing"] as const);
  const byCancel = keep === "partial" && chance(0.5);
  const moment = chance(0.1) ? -1 : chance(0.1) ? 1000 : roll(1, 60);
  const label = `${name} ${graph} ${action}/${keep}${byCancel ? " by cancel" : ""} at ${moment}`;
  progress.label = label;
  const at = (step: string) => progress.at(step);

  at("before the run");
  const threadId = await createThread(options);
  progress.threadId = threadId;
  if (chance(0.3)) await finish(options, threadId, graph, { input: inputFor(shape, `earlier ${prompt}${afterwards}`) });
  const before = await client.threads.getState(threadId);

  const shown = new Map<string, Shown>();
  let runId: string | undefined;
  let parts = 0;
  let lastPartAt = performance.now();
  const deathsBefore = deaths();
  const asked = {
    input: inputFor(shape, prompt),
    streamMode: ["values" as const, "messages-tuple" as const],
    streamSubgraphs: chance(0.5),
    onRunCreated: ({ run_id }: { run_id: string }) => {
      runId = run_id;
    },
  };
  const reading = stream(options, threadId, graph, asked, (part) => {
    parts += 1;
    lastPartAt = performance.now();
    show(shown, part, options.exact);
  });
  let ended = false;
  let startLost = false;
  const over = reading
    .catch((error: unknown) => {
      startLost = error instanceof StartLost;
      if (!startLost) throw error;
    })
    .then(() => {
      ended = true;
    });
  at("waiting for its moment");
  // So many parts after the start, or when nothing more comes: some tools never answer. And a client that was
  // cut off before its first part knows no id to come back to: it is shown what comes from then on, if anything does.
  const silence = () => (parts > 0 ? 300 : deaths() > deathsBefore ? 3000 : Number.POSITIVE_INFINITY);
  const stalled = () => performance.now() - lastPartAt > silence();
  while (!ended && parts < moment && !stalled()) await delay(1);
  while (byCancel && !runId && !ended) await delay(1);

  at("stopping");
  const stoppedAt = performance.now();
  const seen = structuredClone([...shown.values()]);
  let outcome = "cancelled";
  let again = false;
  const press = async () => {
    const pressed = await stop(options, threadId, { action, keep });
    outcome = pressed.outcome;
    again ||= pressed.asked > 1;
  };
  if (byCancel && runId) await cancel(options, threadId, runId, action);
  else await press();
  // Pressed before the start had gone out: it would go on for ever, so it is pressed again.
  while (outcome === "idle" && moment < 0 && !ended) await press();
  at(`${outcome}, the stream ends`);
  await over;
  if (startLost) outcome = "start lost";
  tally.outcomes[outcome] = (tally.outcomes[outcome] ?? 0) + 1;
  // Whether there is a run, and what it says, nobody can know.
  if (startLost) return false;

  const after = await client.threads.getState(threadId, undefined, { subgraphs: true });
  const messages = messagesOf(shape, after.values);
  const paused = isPaused(after.tasks);
  // Servers that resume a stream roughly have left out words when they did.
  const lossOf = !options.exact && deaths() > deathsBefore ? lostWords : lostText;
  // What waits for a human within a graph is there until that has its answer.
  const waiting = after.tasks.flatMap(({ state }) => messagesOf(shape, (state as ThreadState | null)?.values));
  const all = paused ? [...messages, ...waiting.filter(({ id }) => !messages.some((one) => one.id === id))] : messages;
  const lost = keep === "partial" ? lossOf(seen, all, shape.renames) : [];
  const undone = action === "rollback" && keep === "nothing";
  if (!hasNoConversation(shape) && !undone) lost.push(...lostQuestion(prompt, messages));
  const dirty = paused ? [] : dirt(messages, model, stoppedAt, exact, shown);
  if (!paused && after.next.length > 0) dirty.push(`next is ${after.next}`);
  // Without a reducer the input takes the place of what was there, stopped or not.
  if (!shape.replaces) dirty.push(...changes(messagesOf(shape, before.values), messages));
  // Asked again after a replica died on it, a stop looks after what was cut, and undoes nothing.
  if (outcome === "stopped" && undone && !again) {
    if (JSON.stringify(after.values) !== JSON.stringify(before.values)) dirty.push("the turn is not undone");
  }
  at(`${outcome}, the next message`);
  const wedged = await goesOn(options, threadId, shape, `${prompt}${afterwards}`, paused ? after.tasks : undefined);

  tally.lost += lost.length > 0 ? 1 : 0;
  tally.dirty += dirty.length > 0 ? 1 : 0;
  tally.wedged += wedged ? 1 : 0;
  for (const problem of lost) options.report(`LOST ${label} → ${outcome}: ${problem}`);
  for (const problem of dirty) options.report(`DIRTY ${label} → ${outcome}: ${problem}`);
  if (wedged) options.report(`WEDGED ${label} → ${outcome}: ${wedged}`);
  return outcome === "stopped" || (outcome === "cancelled" && !(await hasSucceeded(options, threadId, runId)));
}

async function hasSucceeded({ direct }: StormOptions, threadId: string, runId = ""): Promise<boolean> {
  const runs = await direct.runs.list(threadId, { limit: 100 });
  return runs.some(({ run_id, status }) => run_id === runId && status === "success");
}

/** Messages from before the turn that are no longer what they were. */
function changes(before: Message[], after: Message[]): string[] {
  return before.flatMap((message, at) =>
    isDeepStrictEqual(after[at] && inOneForm(after[at]), inOneForm(message))
      ? []
      : [`message ${at} from before the turn was ${JSON.stringify(message)}, is ${JSON.stringify(after[at])}`],
  );
}
