import { isDeepStrictEqual } from "node:util";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { type Cut, inputMessages, inputOf, type State } from "../core/cut.ts";
import { type Item, isMessage, itemsIn, type Message, messagesIn } from "../core/message.ts";
import { answered, letGo, nextTurnWrite, type Write } from "../core/plan.ts";
import { reportOn } from "../core/report.ts";
import { turnOf } from "../core/turn.ts";
import { statusOf } from "../upstream.ts";
import { type Base, baseOf, isOf } from "./base.ts";
import { asItStands, keepTurn, superseded } from "./keep-turn.ts";
import { belongsToAnother, readState, reconcile } from "./reconcile.ts";
import { RollbackRefused } from "./rollback-refused.ts";
import { isTerminal } from "./settle.ts";
import type { StopResult } from "./stop-run.ts";

/**
 * Takes the run's turn out of the thread, and writes back of it what is to be
 * kept; the run is deleted with its checkpoints.
 *
 * The turn is written before the run is deleted, from where the run began, so
 * that whoever dies in between loses nothing. That can't be where the server
 * still holds the run for active; nor where the run had gone on from a pause,
 * whose tools' results only show once it is gone.
 *
 * `asTurn` says what is written back.
 */
export async function rollBack(
  client: Client,
  threadId: string,
  run: Run,
  state: State,
  cut: Cut,
  asTurn = turnOf,
): Promise<StopResult> {
  const isUndo = cut.action === "rollback" && cut.keep === "nothing";
  const isFirst = !isUndo && isTerminal(run) && !cut.resumed;
  const turn = isFirst ? await lift(client, threadId, run, state, cut, asTurn) : undefined;
  // Another replica has taken it back in the meantime; it isn't to come again.
  if (turn && !turn.base && !(await isThere(client, threadId, cut.runId))) return asItStands(turn.head, cut);
  if (turn && isLookedAfter(turn, cut)) return await keepTurn(client, threadId, { ...cut, action: "interrupt" });
  const written = turn && (await writeBack(client, threadId, turn));
  if (written?.outcome === "superseded") return written;
  const refusal = await deleteRun(client, threadId, cut.runId).catch((cause: unknown) => {
    if (!written) throw cause;
    return { status: statusOf(cause), cause };
  });
  // Whoever may only stop has nothing more to do about it.
  if (refusal && written && asTurn !== turnOf) return written;
  if (refusal) {
    const result = written ?? (await keepTurn(client, threadId, { ...cut, action: "interrupt" }));
    throw RollbackRefused.of(result, written ? "conversation" : cut.keep, refusal);
  }
  if (!turn || !written)
    return await writeBack(client, threadId, await lift(client, threadId, run, state, cut, asTurn));
  // It stood there before; this is for servers that delete more with a run than its own.
  const again = await writeBack(client, threadId, turn).catch(() => written);
  return again.outcome === "stopped" ? again : written;
}

/** A turn as it is taken out of the thread. */
interface Turn {
  run: Run;
  /** The thread as the run left it. */
  state: State;
  head: State;
  cut: Cut;
  /** Where the run began, if its checkpoints are still there. */
  base?: Base;
  /** What was there before. */
  earlier: Item[];
  messages: Message[];
}

async function lift(
  client: Client,
  threadId: string,
  run: Run,
  state: State,
  cut: Cut,
  asTurn: typeof turnOf,
): Promise<Turn> {
  const head = await readState(client, threadId);
  const base = await baseOf(client, threadId, run, head);
  const earlier = itemsIn((base?.state ?? head).values, cut.messagesKey);
  const messages = asTurn(state, earlier.filter(isMessage), inputOf(run), cut);
  return { run, state, head, cut, base, earlier, messages };
}

/** Another replica was asked to stop the run at the same time, and has kept it as by an interrupt. */
function isLookedAfter({ base, earlier }: Turn, { transcript }: Cut): boolean {
  if (base) return false;
  const streamed = new Set(transcript.replies.map(({ message }) => message.id));
  return earlier.some(({ id }) => streamed.has(id as string));
}

/** The turn goes back in as plain conversation; asked again, it writes what is not there. */
async function writeBack(client: Client, threadId: string, turn: Turn): Promise<StopResult> {
  const { run, state, cut } = turn;
  if (await belongsToAnother(client, threadId, run)) return { ...superseded(state, cut), input: inputOf(run) };
  const written = await reconcile(client, threadId, cut.runId, (head) => nextWriteOf(turn, head));
  if (written.superseded) return { ...superseded(state, cut), input: inputOf(run) };
  const report = { ...reportOn(written.state, cut), tool_calls: reportOn(answered(state, cut), cut).tool_calls };
  // A turn of which nothing stands, since there is no conversation to write it into, is handed back, too.
  const isHandedBack = turn.messages.length === 0 && !stillStands(written.state, turn);
  return {
    outcome: "stopped",
    ...report,
    // What another has written of it in the same moment, it takes out again.
    ...(isHandedBack ? { kept: [], input: inputOf(run) } : {}),
    values: written.state.values,
  };
}

/** Another replica was asked to keep the turn at the same time, and has: what was asked in it, or, where that doesn't show, a reply. */
function stillStands({ values }: State, { state, cut, run }: Turn): boolean {
  const now = messagesIn(values, cut.messagesKey);
  const has = (id: Message["id"]) => Boolean(id) && now.some((message) => message.id === id);
  const [asked] = inputMessages(inputOf(run), cut.messagesKey, cut.runId);
  const isAsked = ({ type, content }: Message) => isDeepStrictEqual([type, content], [asked?.type, asked?.content]);
  const question = isOf(state, run) ? messagesIn(state.values, cut.messagesKey).findLast(isAsked) : undefined;
  return question?.id ? has(question.id) : cut.transcript.replies.some(({ message }) => has(message.id));
}

function nextWriteOf({ run, cut, base, earlier, messages }: Turn, head: State): Write | undefined {
  if (base && isOf(head, run)) {
    const write = nextTurnWrite(base.state, cut, earlier, messages);
    return write && { ...write, checkpointId: base.checkpointId };
  }
  const write = nextTurnWrite(head, cut, earlier, messages);
  // The Python server takes a thread for interrupted as long as its head was written upon the run's own checkpoint.
  const isUponRun = base?.isOwn && head.parent_checkpoint?.checkpoint_id === base.checkpointId;
  return write ?? (isUponRun ? letGo : undefined);
}

/**
 * Resolves to the server's refusal, if the caller may not delete the run: 403,
 * or 404 although the run is there. Where it is not, it was deleted by a call
 * whose answer was lost, or by another replica.
 */
async function deleteRun(client: Client, threadId: string, runId: string) {
  try {
    await client.runs.delete(threadId, runId);
  } catch (cause) {
    const status = statusOf(cause);
    if (status !== 403 && status !== 404) throw cause;
    if (status === 404 && !(await isThere(client, threadId, runId))) return undefined;
    return { status, cause };
  }
  return undefined;
}

async function isThere(client: Client, threadId: string, runId: string): Promise<boolean> {
  try {
    await client.runs.get(threadId, runId);
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}
