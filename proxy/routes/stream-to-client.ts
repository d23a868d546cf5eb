import type { Context } from "koa";
import { firstLookFetch } from "../insist.ts";
import type { Services } from "../services.ts";
import type { Frame } from "../sse/frames.ts";
import { pipingFetch } from "../sse/pipe.ts";
import { Reading } from "../stop/reading.ts";
import { resultOfRefused } from "../stop/rollback-refused.ts";
import type { StopResult } from "../stop/stop-run.ts";
import { stoppedElsewhere } from "../stop/stopped-elsewhere.ts";
import { asCaller, callersRequest, clientFor } from "../upstream.ts";

export interface ClientStream {
  threadId: string;
  /** Known from the start when a run is joined. */
  runId?: string;
  /** The caller's own query. */
  query?: string;
  /** The body to create the run with. */
  body?: string;
  keep: (frame: Frame) => boolean;
  /** After a stop, the client gets the reconciled state as a last `values`. */
  wantsValues: boolean;
  /** What the client said its hanging up means. */
  onDisconnect: unknown;
  /** Called with the run's id as soon as it is known. */
  onRun?: (runId: string) => void;
  /** The SDK's call that opens the stream. */
  stream: (fetch: typeof globalThis.fetch, signal: AbortSignal) => AsyncIterable<unknown>;
}

/**
 * Streams a run to the client until it ends; and when it was stopped, until
 * its thread is reconciled.
 */
export async function streamToClient(services: Services, ctx: Context, options: ClientStream): Promise<void> {
  const { threadId } = options;
  if (ctx.res.destroyed) return;
  const reading = new Reading(services, ctx, threadId, options.onDisconnect, options.runId);
  const { gone } = reading;
  let runId = options.runId;
  let stopped: Promise<StopResult> | undefined;
  let isOpen = false;
  let unwatch = watch(services, runId, (stop) => {
    stopped = stop;
  });
  const { fetch, wire } = pipingFetch({
    response: ctx.res,
    keep: options.keep,
    request: options.body === undefined ? undefined : callersRequest(ctx.headers, services.upstream, options.body),
    query: options.query,
    signal: gone,
    resumeAt: () => (runId ? `/threads/${threadId}/runs/${runId}/stream` : undefined),
    onOpen(headers) {
      ctx.respond = false;
      runId ??= runIdIn(headers);
      if (!runId) return;
      if (options.runId === undefined) {
        unwatch = watch(services, runId, (stop) => {
          stopped = stop;
        });
      }
      isOpen = true;
      services.metrics.streams.inc();
      options.onRun?.(runId);
      reading.begin(runId);
    },
  });
  try {
    for await (const _part of options.stream(fetch, gone)) {
      // Its bytes have gone to the client already.
    }
    if (gone.aborted) return;
    if (runId) services.snapshots.ended(runId);
    const values = options.wantsValues && runId && (await valuesAfterStop(services, ctx, threadId, runId, stopped));
    if (values) {
      const lines = ["event: values", `data: ${JSON.stringify(values)}`, "", ""];
      ctx.res.write(lines.join(wire.newline));
    }
    ctx.res.end();
  } catch (error) {
    if (gone.aborted) return;
    if (!wire.open) return await asCaller(Promise.reject(error));
    services.log.warn({ err: error, thread_id: threadId, run_id: runId }, "stream broke off");
    ctx.res.destroy();
  } finally {
    if (isOpen) services.metrics.streams.dec();
    reading.end();
    unwatch();
  }
}

/** The thread's values as a stop has left them, of this replica or another; undefined if there was none. */
async function valuesAfterStop(
  { upstream, settings, log }: Services,
  ctx: Context,
  threadId: string,
  runId: string,
  stopped: Promise<StopResult> | undefined,
): Promise<unknown> {
  if (!stopped) {
    const client = clientFor(ctx.headers, upstream, firstLookFetch());
    return await stoppedElsewhere(client, threadId, runId, settings.messagesKey).catch((error: unknown) => {
      // The run's own stream is complete.
      log.warn({ err: error, thread_id: threadId, run_id: runId }, "no look at the thread after the stream's end");
    });
  }
  // A stop that failed answers whoever asked for it; this reader just sees the stream end.
  const result = await stopped.catch(resultOfRefused);
  return result?.outcome === "stopped" ? result.values : undefined;
}

function watch(services: Services, runId: string | undefined, onStop: (stop: Promise<StopResult>) => void) {
  return runId ? services.stops.watch(runId, onStop) : () => undefined;
}

function runIdIn(headers: Headers): string | undefined {
  return /\/runs\/([^/?]+)/.exec(headers.get("content-location") ?? "")?.[1];
}
