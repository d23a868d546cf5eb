import { setTimeout as delay } from "node:timers/promises";
import { ProxyError } from "./errors.ts";
import { Turnstile } from "./turnstile.ts";
import { unreachable, upstreamFetch } from "./upstream.ts";

/** How long one call may go without an answer, in milliseconds. */
const longestCall = 10_000;
/** How long a stop that has begun puts up with a server that fails, in milliseconds: about what a restart takes. */
const patience = 20_000;
/** The same before it has begun, in milliseconds: a hiccup is got over, and a server that is gone is said at once. */
const firstPatience = 2000;

/** Request time-out, too many requests. */
const askedLater = [408, 429];

/** Many stops at once would else fill the server's queue, and everybody behind them would wait. */
const turnstile = new Turnstile(8);

/**
 * A `fetch` for one stop that has begun: a server that is gone, silent, fails
 * (5xx) or wants to be asked later (408, 429) is asked again where asking twice
 * does no harm, until it has failed for 20 s without a call that went well. A
 * write of state is not repeated, unless it was refused with 429: whoever
 * makes it looks first what came of it.
 *
 * Answers are read to their end, in time, before they are given back. A stream
 * is given back as soon as it opens, without `Location`, so that the SDK
 * doesn't take it up again in the middle, where parts may be missing.
 *
 * Throws `ProxyError` 502 that names the call and what is wrong with it.
 */
export const insistentFetch = (): typeof fetch => {
  // A cancel comes first; some servers answer it only when the run has ended.
  const inTurn: Admit = (call, url) => (url.includes("/cancel") ? call() : turnstile.pass(call));
  return insisting(patience, inTurn);
};

/** The same for what a new message waits for, which waits for no stop of another thread. */
export const promptFetch = (): typeof fetch => insisting(patience, atOnce);

/** The same for what is looked at before a stop: 2 s; then what the server answers is the answer, 408 and 429, too. */
export const firstLookFetch = (): typeof fetch => {
  const fetch = insisting(firstPatience, atOnce);
  return async (input, init) => {
    try {
      return await fetch(input, init);
    } catch (error) {
      if (error instanceof AskedLater) return error.answer;
      throw error;
    }
  };
};

type Admit = (call: () => Promise<Response>, url: string) => Promise<Response>;

const atOnce: Admit = (call) => call();

/** The server wants to be asked later. */
class AskedLater extends ProxyError {
  readonly answer: Response;
  /** When, in milliseconds from now. */
  readonly after: number;

  constructor(call: string, answer: Response) {
    super(502, "upstream_failed", `The LangGraph server answered ${call} with ${answer.status}.`);
    this.answer = answer;
    const given = answer.headers.get("retry-after") ?? "";
    this.after = (/^\d+$/.test(given) ? Number(given) * 1000 : Date.parse(given) - Date.now()) || 0;
  }
}

function insisting(patience: number, admit: Admit): typeof fetch {
  let failingSince: number | undefined;
  return async (input, init) => {
    const url = String(input);
    const mayRepeat = init?.method !== "POST" || url.includes("/cancel") || url.endsWith("/history");
    let began = 0;
    for (let pause = 50; ; pause = Math.min(pause * 2, 1000)) {
      try {
        // Whoever waits for a place is not kept waiting by the server.
        const answer = await admit(() => {
          began ||= Date.now();
          return inTime(input, init);
        }, url);
        failingSince = undefined;
        return answer;
      } catch (error) {
        failingSince ??= Date.now();
        const later = error instanceof AskedLater ? error : undefined;
        const wait = Math.max(pause, later?.after ?? 0);
        const giveUp = Math.min(began, failingSince) + patience;
        const isOver = init?.signal?.aborted || Date.now() + wait > giveUp;
        if (isOver || !(mayRepeat || later?.answer.status === 429)) throw error;
        await delay(wait, undefined, { signal: init?.signal ?? undefined });
      }
    }
  };
}

/** Fails when the answer, or the head of a stream, doesn't come in time, and when the server says that it failed. */
async function inTime(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const tooLong = new AbortController();
  const timer = setTimeout(() => tooLong.abort(), longestCall);
  const signal = init?.signal ? AbortSignal.any([init.signal, tooLong.signal]) : tooLong.signal;
  const method = init?.method ?? "GET";
  const { pathname } = new URL(String(input));
  try {
    const answer = await upstreamFetch(input, { ...init, signal });
    if (askedLater.includes(answer.status)) throw new AskedLater(`${method} ${pathname}`, await readThrough(answer));
    if (answer.status >= 500) {
      await answer.body?.cancel();
      throw new ProxyError(
        502,
        "upstream_failed",
        `The LangGraph server answered ${method} ${pathname} with ${answer.status}.`,
      );
    }
    return await readThrough(answer);
  } catch (error) {
    if (error instanceof ProxyError || init?.signal?.aborted) throw error;
    if (!tooLong.signal.aborted) throw unreachable(method, String(input), error);
    const message = `The LangGraph server did not answer ${method} ${pathname} within ${longestCall / 1000} s.`;
    throw new ProxyError(502, "upstream_unreachable", message);
  } finally {
    clearTimeout(timer);
  }
}

/** With its whole body, unless it is a stream. */
async function readThrough({ status, headers: received, body }: Response): Promise<Response> {
  const headers = new Headers(received);
  headers.delete("location");
  const isStream = headers.get("content-type")?.includes("text/event-stream");
  const whole = isStream || !body ? body : await new Response(body).arrayBuffer();
  return new Response(whole, { status, headers });
}
