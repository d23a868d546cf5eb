import type { Context } from "koa";
import type { Services } from "../services.ts";
import { type Frame, FrameSplitter } from "../sse/frames.ts";
import { resultOfRefused } from "../stop/rollback-refused.ts";
import type { StopResult } from "../stop/stop-run.ts";
import { clientFor } from "../upstream.ts";

/** The JS server sends who waits a newline so often, in milliseconds, or the connection would be taken for dead. */
const keepAlive = 1000;

/** The bytes of the streams end where they end; nothing in them may come twice. */
const perStream = ["cache-control", "connection", "content-encoding", "content-length", "content-type", "keep-alive"];

/**
 * `POST …/runs/wait` on a JS server, whose own wait takes what it has read off
 * the run's stream, so that a Stop finds no text there. The run is created
 * with a stream that stays, of which this is the `answer`; and the caller gets
 * what the server would have taken from it: the last values, or the error.
 */
export async function waitOnStream(
  services: Services,
  ctx: Context,
  { threadId, runId, answer, gone }: { threadId: string; runId: string; answer: Response; gone: AbortSignal },
): Promise<void> {
  const { stops } = services;
  let stopped: Promise<StopResult> | undefined;
  const unwatch = stops.watch(runId, (stop) => {
    stopped = stop;
  });
  ctx.respond = false;
  for (const [name, value] of answer.headers) if (!perStream.includes(name)) ctx.res.appendHeader(name, value);
  ctx.res.setHeader("content-type", "text/plain; charset=UTF-8");
  ctx.res.statusCode = 200;
  ctx.res.flushHeaders();
  const alive = setInterval(() => ctx.res.write("\n"), keepAlive);
  try {
    const last = answer.body ? await lastOf(answer.body, gone) : undefined;
    if (gone.aborted) return;
    const after = await stopped?.catch(resultOfRefused);
    const values = after?.outcome === "stopped" ? JSON.stringify(after.values) : undefined;
    const text = values ?? last ?? (await threadsValues(services, ctx, threadId));
    ctx.res.end(text);
  } catch (error) {
    if (!gone.aborted) services.log.warn({ err: error, thread_id: threadId, run_id: runId }, "wait broke off");
    ctx.res.destroy();
  } finally {
    clearInterval(alive);
    unwatch();
  }
}

/** The last values of the stream, or its error, as the text that the server answers to who waits. */
async function lastOf(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<string | undefined> {
  const splitter = new FrameSplitter();
  let last: string | undefined;
  const reader = body.getReader();
  const leave = () => void reader.cancel();
  if (signal.aborted) leave();
  signal.addEventListener("abort", leave);
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return last;
    for (const frame of splitter.push(value)) {
      if (frame.event === "values") last = dataOf(frame);
      if (frame.event === "error") last = JSON.stringify({ __error__: { error: "Error", message: dataOf(frame) } });
    }
  }
}

/** Lines end with LF or CRLF; what JavaScript's patterns take for ends of lines besides may stand in JSON. */
const dataOf = ({ bytes }: Frame): string =>
  bytes
    .toString("utf8")
    .split(/\r?\n/)
    .flatMap((line) => (line.startsWith("data:") ? line.slice(line.startsWith("data: ") ? 6 : 5) : []))
    .join("\n");

async function threadsValues({ upstream }: Services, ctx: Context, threadId: string): Promise<string> {
  const { values } = await clientFor(ctx.headers, upstream).threads.get(threadId);
  return JSON.stringify(values ?? null);
}
