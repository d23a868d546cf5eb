import { setTimeout as delay } from "node:timers/promises";
import { ProxyError } from "./errors.ts";
import { Turnstile } from "./turnstile.ts";
import { upstreamFetch } from "./upstream.ts";

/** How long one call may go without an answer, in milliseconds. */
const longestCall = 10_000;
/** How long a call is made again, in milliseconds. */
const patience = 20_000;

/** Many stops at once would else fill the server's queue, and everybody behind them would wait. */
const turnstile = new Turnstile(8);

/**
 * A `fetch` for a stop that has begun: a server that is gone, silent or fails
 * (5xx) is asked again, for up to 20 s, where asking twice does no harm. A
 * write of state is not one of these: whoever makes it looks first what came
 * of it.
 *
 * A stream is given back as soon as it opens, without `Location`, so that the
 * SDK doesn't take it up again in the middle, where parts may be missing.
 */
export const insistentFetch: typeof fetch = async (input, init) => {
  const deadline = Date.now() + patience;
  const isCancel = String(input).includes("/cancel");
  const mayRepeat = init?.method !== "POST" || isCancel;
  for (let pause = 50; ; pause = Math.min(pause * 2, 1000)) {
    const last = !mayRepeat || Date.now() + pause > deadline;
    try {
      // A cancel comes first; some servers answer it only when the run has ended.
      const answer = await (isCancel ? inTime(input, init) : turnstile.pass(() => inTime(input, init)));
      if (answer.status < 500 || last) return withoutLocation(answer);
      await answer.body?.cancel();
    } catch (error) {
      if (init?.signal?.aborted || last) throw error;
    }
    await delay(pause, undefined, { signal: init?.signal ?? undefined });
  }
};

/** Fails when the headers don't come in time; what follows them may take as long as it likes. */
async function inTime(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const tooLong = new AbortController();
  const timer = setTimeout(() => tooLong.abort(), longestCall);
  const signal = init?.signal ? AbortSignal.any([init.signal, tooLong.signal]) : tooLong.signal;
  try {
    return await upstreamFetch(input, { ...init, signal });
  } catch (error) {
    if (!tooLong.signal.aborted || init?.signal?.aborted) throw error;
    const call = `${init?.method ?? "GET"} ${new URL(String(input)).pathname}`;
    const message = `The LangGraph server did not answer ${call} within ${longestCall / 1000} s.`;
    throw new ProxyError(502, "upstream_unreachable", message);
  } finally {
    clearTimeout(timer);
  }
}

function withoutLocation(answer: Response): Response {
  if (!answer.headers.has("location")) return answer;
  const headers = new Headers(answer.headers);
  headers.delete("location");
  return new Response(answer.body, { status: answer.status, headers });
}
