import type { Context } from "koa";
import type { Services } from "../services.ts";
import type { Frame } from "../sse/frames.ts";
import { pipingFetch, type Wire } from "../sse/pipe.ts";
import { Reading } from "../stop/reading.ts";
import { readState } from "../stop/reconcile.ts";
import { asCaller, callersRequest, clientFor } from "../upstream.ts";
import type { Drive } from "./drive.ts";
import { StepFrames } from "./step-frames.ts";
import type { StepId } from "./step-id.ts";

export interface StepsStream {
  threadId: string;
  /** The run to join; undefined: it is created with `body`. */
  runId?: string;
  body?: string;
  /** The last event that the client has; `now`: it wants none from before. */
  seen?: StepId | "now";
  isAddition: (frame: Frame) => boolean;
  /** After a stop, the client gets the reconciled state as a last `values`. */
  wantsValues: boolean;
  onDisconnect: unknown;
  /** Called with the run's id as soon as it is known; who drives or follows it. */
  onRun: (runId: string) => Drive;
}

/** Streams a run that is driven step by step as one, until it is over; and when it was stopped, until its thread is reconciled. */
export async function streamSteps(services: Services, ctx: Context, options: StepsStream): Promise<void> {
  const { threadId } = options;
  if (ctx.res.destroyed) return;
  const reading = new Reading(services, ctx, threadId, options.onDisconnect, options.runId);
  const { gone } = reading;
  let runId = options.runId;
  let drive = runId === undefined ? undefined : options.onRun(runId);
  let isOpen = false;
  const wire: Wire = { open: false, newline: "\n" };
  const onOpen = (headers: Headers) => {
    ctx.respond = false;
    runId ??= /\/runs\/([^/?]+)/.exec(headers.get("content-location") ?? "")?.[1];
    if (!runId || isOpen) return;
    isOpen = true;
    drive ??= options.onRun(runId);
    services.metrics.streams.inc();
    reading.begin(runId);
  };
  try {
    await pipeSteps();
    if (gone.aborted) return;
    ctx.res.end();
  } catch (error) {
    if (gone.aborted) return;
    if (!wire.open) return await asCaller(Promise.reject(error));
    services.log.warn({ err: error, thread_id: threadId, run_id: runId }, "stream broke off");
    ctx.res.destroy();
  } finally {
    if (isOpen) services.metrics.streams.dec();
    reading.end();
  }

  async function pipeSteps(): Promise<void> {
    const seen = options.seen === "now" ? undefined : options.seen;
    let index = options.seen === "now" ? ((await drive?.steps.latest(gone)) ?? 0) : (seen?.step ?? 0);
    let pause: Buffer[] = [];
    for (let first = true; ; first = false, index++) {
      const stepId = options.body !== undefined && index === 0 ? undefined : await drive?.steps.at(index, gone);
      if (gone.aborted || (stepId === undefined && index > 0)) break;
      const begun = first && options.seen === "now" && (await hasBegun(stepId ?? ""));
      pause = await pipeStep(index, stepId, begun, seen?.step === index ? seen : undefined);
      if (gone.aborted) return;
    }
    const standing = gone.aborted ? undefined : await drive?.over;
    if (standing === "paused") for (const bytes of pause) ctx.res.write(bytes);
    if (standing !== "stopped" || !options.wantsValues) return;
    const { values } = await readState(clientFor(ctx.headers, services.upstream), threadId);
    ctx.res.write(["event: values", `data: ${JSON.stringify(values)}`, "", ""].join(wire.newline));
  }

  /** One that hasn't is joined from its start: whoever else joins it on a JS server decides for all whether it can be read again. */
  async function hasBegun(stepId: string): Promise<boolean> {
    return (await clientFor(ctx.headers, services.upstream).runs.get(threadId, stepId)).status !== "pending";
  }

  /** Returns the frames of the pause that the step has ended with; if it had `begun`, only what is still to come is wanted. */
  async function pipeStep(step: number, stepId: string | undefined, begun: boolean, seen?: StepId) {
    const { isAddition } = options;
    const frames = new StepFrames({ step, seen, joined: stepId !== undefined, begun, isAddition });
    const { fetch } = pipingFetch({
      response: ctx.res,
      wire,
      keep: (frame) => frames.keep(frame),
      request:
        stepId === undefined && options.body !== undefined
          ? callersRequest(ctx.headers, services.upstream, options.body)
          : undefined,
      query: "",
      signal: gone,
      resumeAt: () => (runId ? `/threads/${threadId}/runs/${stepId ?? runId}/stream` : undefined),
      onOpen,
    });
    const client = clientFor(ctx.headers, services.upstream, fetch);
    const signal = gone;
    const stream =
      stepId === undefined
        ? client.runs.stream(threadId, "", { signal })
        : client.runs.joinStream(threadId, stepId, {
            signal,
            lastEventId: begun ? undefined : "-1",
          });
    for await (const _part of stream) {
      // Its bytes have gone to the client already.
    }
    drive?.stepEnded();
    return frames.pause;
  }
}
