import { setTimeout as delay } from "node:timers/promises";
import type { Client, Run } from "@langchain/langgraph-sdk";
import { ContinuedFold } from "../core/continued-fold.ts";
import { Seam } from "../core/seam.ts";
import type { IdentifiedPart, Snapshot } from "../core/snapshot.ts";
import type { Transcript } from "../core/transcript.ts";
import { TranscriptFold } from "../core/transcript-fold.ts";
import { asProxyError, causeOf, ProxyError } from "../errors.ts";
import type { Snapshots } from "./snapshots.ts";

/** So long a replay may go without a part before it is taken for broken, in milliseconds. */
const longestSilence = 10_000;
/** How often a replay that broke off, repeats itself, or is empty though the run ran, is read again, and after which pause in milliseconds. */
const tries = 3;
const pause = 250;
/** After this time none is begun again, in milliseconds: a server that says nothing has had two tries then. */
const patience = 15_000;

export interface ReplayOptions {
  /** The run was running when it was stopped, so something must have been streamed, unless it had just been picked up. */
  ran: boolean;
  /** Whether the thread shows that the graph had begun, and so that its stream had. Only asked about an empty one. */
  hasBegun: () => Promise<boolean>;
  /** What can't be read may be let go: somebody waits for a thread that can be used. */
  lenient: boolean;
}

type ReplayClient = { runs: Pick<Client["runs"], "joinStream">; store: Client["store"] };

/**
 * Reads the whole stream of a run that has ended, and folds it; where the
 * server has forgotten its beginning, on from the latest snapshot.
 *
 * Only a resumable run has one: joining any other would take its events from
 * whoever reads it. It ends at `end`, since not every server closes it. One
 * that breaks off is read again from its start; half a transcript is none.
 * So is one that seems to repeat itself, unless it comes the same again.
 *
 * Throws `ProxyError` 502: what kept it from opening, or `upstream_failed` if it breaks off each time, or
 * is empty each time though the graph had begun so lately that none of it can be forgotten.
 */
export async function replay(
  client: ReplayClient,
  snapshots: Pick<Snapshots, "find" | "window" | "mayBeForgotten">,
  threadId: string,
  run: Run,
  { ran, hasBegun, lenient }: ReplayOptions,
): Promise<Transcript> {
  const { run_id: runId } = run;
  const snapshot = await snapshots.find(client, run).catch((error: unknown) => {
    if (!lenient) throw error;
    return undefined;
  });
  const deadline = Date.now() + patience;
  let earlier: number | undefined;
  let mustHave: boolean | undefined;
  for (let attempt = 1; ; attempt++) {
    const isLast = () => attempt === tries || Date.now() > deadline;
    try {
      const { fold, count, repeats } = await readOnce(
        client,
        threadId,
        runId,
        ran,
        new ContinuedFold(snapshot, snapshots.window),
      );
      if (fold && (!repeats || count === earlier || isLast())) return fold.transcript();
      if (fold) earlier = count;
      else {
        mustHave ??= !snapshot && !snapshots.mayBeForgotten(run) && (await hasBegun());
        if (isLast() && mustHave && !lenient) throw withoutAPart(threadId, runId, attempt);
        if (isLast() || !(ran || mustHave)) return ofNothing(snapshot, run);
      }
    } catch (error) {
      // It did not even open, and whoever called has insisted.
      if (asProxyError(error).code !== "internal") throw error;
      if (isLast()) throw brokenOff(threadId, runId, attempt, error);
    }
    await delay(pause);
  }
}

/** A stream that is forgotten altogether: the snapshot is all there is, and all there was if it was taken after the end. */
function ofNothing(snapshot: Snapshot | undefined, { updated_at }: Run): Transcript {
  if (!snapshot) return new TranscriptFold().transcript();
  const fold = TranscriptFold.restore(snapshot.fold);
  if (snapshot.until < Date.parse(updated_at)) fold.tear();
  return fold.transcript();
}

function brokenOff(threadId: string, runId: string, attempts: number, cause: unknown): ProxyError {
  const call = `GET /threads/${threadId}/runs/${runId}/stream`;
  const message = `The LangGraph server broke off its answer to ${call} ${attempts} times: ${causeOf(cause)}`;
  return new ProxyError(502, "upstream_failed", message, { cause });
}

function withoutAPart(threadId: string, runId: string, attempts: number): ProxyError {
  const call = `GET /threads/${threadId}/runs/${runId}/stream`;
  const message = `The LangGraph server answered ${call} without a single part ${attempts} times.`;
  return new ProxyError(502, "upstream_failed", message);
}

async function readOnce(
  { runs }: ReplayClient,
  threadId: string,
  runId: string,
  ran: boolean,
  continued: ContinuedFold,
): Promise<{ fold?: TranscriptFold; count: number; repeats: boolean }> {
  const enough = new AbortController();
  let isSilent = false;
  const timer = setTimeout(() => {
    isSilent = true;
    enough.abort();
  }, longestSilence);
  const seam = new Seam();
  let count = 0;
  try {
    const stream = runs.joinStream(threadId, runId, { lastEventId: "-1", signal: enough.signal });
    for await (const part of stream) {
      if ((part.event as string) === "end") break;
      timer.refresh();
      continued.add(part as IdentifiedPart);
      seam.add(part as IdentifiedPart);
      count += 1;
    }
  } catch (error) {
    if (!isSilent) throw error;
  } finally {
    clearTimeout(timer);
    // The SDK leaves a stream open that it doesn't read to its end, and not every server closes it.
    enough.abort();
  }
  const fold = continued.end(Date.now());
  // Some servers answer heartbeats for ever where they have nothing left; silence where there must be more is a failure.
  if (isSilent && (fold || ran)) throw new Error(`no part for ${longestSilence / 1000} s`);
  return { fold, count, repeats: seam.found };
}
