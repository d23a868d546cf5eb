import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { upstreamFetch } from "../upstream.ts";
import { within } from "../within.ts";
import { type Frame, FrameSplitter } from "./frames.ts";
import { Place } from "./place.ts";

/** How often the SDK is told that a slow reader is waited for, in milliseconds: it takes a stream that is silent for 6 s for dead. */
const signOfLife = 2000;

/** Headers that belong to one connection, not to the answer. */
const perConnection = new Set(["connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"]);

export interface PipeOptions {
  response: ServerResponse;
  /** Which frames the client gets. */
  keep: (frame: Frame) => boolean;
  /** The client's stream is under way already, and goes on with this one. */
  wire?: Wire;
  /** Awaited before `keep` is asked of these frames, for what it has to know. */
  before?: (frames: Frame[]) => Promise<void>;
  /** What to send instead of the SDK's body, which knows fewer fields than the server, and of its headers. */
  request?: { headers: Record<string, string>; body: Uint8Array<ArrayBuffer> };
  /** The caller's own query for the first request; the SDK's is another. */
  query?: string;
  /** Where a broken stream is taken up again; servers that name no `Location` get this one. */
  resumeAt: (headers: Headers) => string | undefined;
  /** The stream has begun: headers are there, no part yet. */
  onOpen?: (headers: Headers) => void;
  /** The client has gone. */
  signal: AbortSignal;
}

/** What the client's stream looks like on the wire, for a frame that the proxy makes itself. */
export interface Wire {
  /** True once the headers have been sent. */
  open: boolean;
  newline: "\n" | "\r\n";
}

/**
 * A `fetch` for the SDK that forwards the bytes of an event stream to the
 * client itself, frame by frame, and hands the SDK a thin body with the
 * heartbeats, the end, and word that something came. So the SDK still creates
 * the run, watches the connection and reconnects, but parses no token. Where
 * to go on is told by what has been forwarded; the SDK may not be as far.
 *
 * Anything else it is asked to fetch goes through as it is.
 */
export function pipingFetch(options: PipeOptions): { fetch: typeof fetch; wire: Wire } {
  const wire: Wire = options.wire ?? { open: false, newline: "\n" };
  let place: Place | undefined;
  let latest = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const nth = ++latest;
    const sent = init?.method === "POST" ? { ...init, ...options.request } : init;
    const answer = await upstreamFetch(
      wire.open ? input : withQuery(String(input), options.query),
      place ? behind(place.takeUp(), sent) : sent,
    );
    const isStream = answer.headers.get("content-type")?.includes("text/event-stream") ?? false;
    if (!answer.ok || !isStream || !answer.body) return answer;
    if (!wire.open) {
      wire.open = true;
      copyHeaders(answer.headers, options.response, answer.status);
      options.onOpen?.(answer.headers);
    }
    // A run that was created here can be read from its start.
    place ??= new Place(new Headers(init?.headers).get("last-event-id") ?? (options.request && "-1"));
    const resumeAt = answer.headers.get("location") ?? options.resumeAt(answer.headers);
    const headers = new Headers({ "content-type": "text/event-stream" });
    const contentLocation = answer.headers.get("content-location");
    if (contentLocation) headers.set("content-location", contentLocation);
    if (resumeAt) headers.set("location", resumeAt);
    return new Response(thinBody(forward(answer.body, options, wire, place, () => nth < latest)), { headers });
  };
  return { fetch, wire };
}

function behind(lastEventId: string | undefined, init: RequestInit | undefined): RequestInit {
  const headers = new Headers(init?.headers);
  if (lastEventId !== undefined) headers.set("last-event-id", lastEventId);
  return { ...init, headers: Object.fromEntries(headers) };
}

function withQuery(url: string, query: string | undefined): string {
  return query === undefined ? url : `${url.split("?")[0]}${query ? `?${query}` : ""}`;
}

/** Begins the client's answer as the server has begun its own. */
export function copyHeaders(headers: Headers, response: ServerResponse, status: number): void {
  response.statusCode = status;
  for (const [name, value] of headers) if (!perConnection.has(name)) response.appendHeader(name, value);
  response.flushHeaders();
}

/**
 * Forwards each chunk's frames in one write, and yields what of them concerns the SDK. A stream that it has given up
 * for dead may only have paused: what comes then comes on the one that is taken up instead.
 */
async function* forward(
  body: ReadableStream<Uint8Array>,
  options: PipeOptions,
  wire: Wire,
  place: Place,
  isGivenUp: () => boolean,
): AsyncGenerator<string> {
  const splitter = new FrameSplitter();
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    const frames = splitter.push(chunk);
    if (frames[0]?.bytes.at(-2) === 0x0d) wire.newline = "\r\n";
    await options.before?.(frames);
    if (isGivenUp()) return;
    const kept = frames.filter((frame) => place.isNew(frame) && options.keep(frame));
    const bytes = kept.map((frame) => frame.bytes);
    const drained = write(options, bytes);
    if (drained) yield* emptyLinesUntil(drained);
    yield thin(frames);
  }
  // A frame that was torn off is not passed on: the stream may be taken up again before it.
}

/** What to wait for before more is written, if anything. */
function write({ response, signal }: PipeOptions, parts: Buffer[]): Promise<unknown> | undefined {
  const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  if (bytes.length === 0 || response.destroyed || response.write(bytes)) return undefined;
  return once(response, "drain", { signal });
}

/** While a slow reader is waited for, nothing is read of the server's heartbeats. */
async function* emptyLinesUntil(drained: Promise<unknown>): AsyncGenerator<string> {
  let isDrained = false;
  const over = drained.then(() => {
    isDrained = true;
  });
  for (;;) {
    await within(signOfLife, over);
    if (isDrained) return;
    yield "\n";
  }
}

/** A comment for heartbeats, the run's end, and one event for all else: without any, the SDK would give up after a few breaks. */
function thin(frames: Frame[]): string {
  const isEnd = (event?: string) => event === "end" || event === "error";
  const lines = frames.map(({ comment, event }) => (comment ? ":" : `event: ${isEnd(event) ? event : "frames"}`));
  return [...new Set(lines)].map((line) => `${line}\n\n`).join("");
}

function thinBody(parts: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      for (;;) {
        const { value, done } = await parts.next();
        if (done) return controller.close();
        if (value) return controller.enqueue(encoder.encode(value));
      }
    },
    async cancel() {
      await parts.return(undefined);
    },
  });
}
