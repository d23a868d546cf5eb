import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { upstreamFetch } from "../upstream.ts";
import { type Frame, FrameSplitter } from "./frames.ts";

/** Headers that belong to one connection, not to the answer. */
const perConnection = new Set(["connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"]);

export interface PipeOptions {
  response: ServerResponse;
  /** Which frames the client gets. */
  keep: (frame: Frame) => boolean;
  /** The frame as the client gets it, if not as it came. */
  rename?: (frame: Frame) => Buffer;
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
 * client itself, frame by frame, and hands the SDK a thin body with the ids,
 * the heartbeats and the end. So the SDK still creates the run, watches the
 * connection and reconnects from the last id, but parses no token.
 *
 * Anything else it is asked to fetch goes through as it is.
 */
export function pipingFetch(options: PipeOptions): { fetch: typeof fetch; wire: Wire } {
  const wire: Wire = options.wire ?? { open: false, newline: "\n" };
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const sent = init?.method === "POST" ? { ...init, ...options.request } : init;
    const answer = await upstreamFetch(
      wire.open ? input : withQuery(String(input), options.query),
      wire.open && options.request ? fromStart(sent) : sent,
    );
    const isStream = answer.headers.get("content-type")?.includes("text/event-stream") ?? false;
    if (!answer.ok || !isStream || !answer.body) return answer;
    if (!wire.open) {
      wire.open = true;
      copyHeaders(answer.headers, options.response, answer.status);
      options.onOpen?.(answer.headers);
    }
    const resumeAt = answer.headers.get("location") ?? options.resumeAt(answer.headers);
    const headers = new Headers({ "content-type": "text/event-stream" });
    const contentLocation = answer.headers.get("content-location");
    if (contentLocation) headers.set("content-location", contentLocation);
    if (resumeAt) headers.set("location", resumeAt);
    return new Response(thinBody(forward(answer.body, options, wire)), { headers });
  };
  return { fetch, wire };
}

/** A run that was created here is taken up from its start, if its stream broke before there was an id to go on from. */
function fromStart(init: RequestInit | undefined): RequestInit {
  const headers = new Headers(init?.headers);
  if (!headers.has("last-event-id")) headers.set("last-event-id", "-1");
  return { ...init, headers: Object.fromEntries(headers) };
}

function withQuery(url: string, query: string | undefined): string {
  return query === undefined ? url : `${url.split("?")[0]}${query ? `?${query}` : ""}`;
}

function copyHeaders(headers: Headers, response: ServerResponse, status: number): void {
  response.statusCode = status;
  for (const [name, value] of headers) if (!perConnection.has(name)) response.appendHeader(name, value);
  response.flushHeaders();
}

/** Forwards each chunk's frames in one write, and yields what of them concerns the SDK. */
async function* forward(body: ReadableStream<Uint8Array>, options: PipeOptions, wire: Wire): AsyncGenerator<string> {
  const splitter = new FrameSplitter();
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    const frames = splitter.push(chunk);
    if (frames[0]?.bytes.at(-2) === 0x0d) wire.newline = "\r\n";
    await options.before?.(frames);
    await write(
      options,
      frames.filter(options.keep).map((frame) => options.rename?.(frame) ?? frame.bytes),
    );
    yield thin(frames);
  }
  // A frame that was torn off is not passed on: the stream may be taken up again before it.
}

async function write({ response, signal }: PipeOptions, parts: Buffer[]): Promise<void> {
  const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  if (bytes.length === 0 || response.destroyed) return;
  if (!response.write(bytes)) await once(response, "drain", { signal });
}

/** The last id, a line of comment per heartbeat, and the run's end, if it came. */
function thin(frames: Frame[]): string {
  let text = "";
  let id: string | undefined;
  for (const frame of frames) {
    if (frame.comment) text += ":\n\n";
    if (frame.id !== undefined) id = frame.id;
    if (frame.event === "end" || frame.event === "error") text += `event: ${frame.event}\n\n`;
  }
  return id === undefined ? text : `id: ${id}\n\n${text}`;
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
