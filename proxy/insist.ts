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

/** Many stops at once would else fill the server's queue, and everybody behind them would wait. */
const turnstile = new Turnstile(8);

/**
 * A `fetch` for one stop that has begun: a server that is gone, silent or
 * fails (5xx) is asked again where asking twice does no harm, until it has
 * failed for 20 s without a call that went well. A write of state is not
 * repeated: whoever makes it looks first what came of it.
 *
 * Answers are read to their end, in time, before they are given back. A stream
 * is given back as soon as it opens, without `Location`, so that the SDK
 * doesn't take it up again in the middle, where parts may be missing.
 *
 * Throws `ProxyError` 502 that names the call and what is wrong with it.
 */
export const insistentFetch = (): typeof fetch => insisting(patience);

/** The same for what is looked at before a stop: 2 s. */
export const firstLookFetch = (): typeof fetch => insisting(firstPatience);

function insisting(patience: number): typeof fetch {
  let failingSince: number | undefined;
  return async (input, init) => {
    const began = Date.now();
    const isCancel = String(input).includes("/cancel");
    const mayRepeat = init?.method !== "POST" || isCancel || String(input).endsWith("/history");
    for (let pause = 50; ; pause = Math.min(pause * 2, 1000)) {
      try {
        // A cancel comes first; some servers answer it only when the run has ended.
        const answer = await (isCancel ? inTime(input, init) : turnstile.pass(() => inTime(input, init)));
        failingSince = undefined;
        return answer;
      } catch (error) {
        failingSince ??= Date.now();
        const giveUp = Math.min(began, failingSince) + patience;
        if (init?.signal?.aborted || !mayRepeat || Date.now() + pause > giveUp) throw error;
      }
      await delay(pause, undefined, { signal: init?.signal ?? undefined });
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
