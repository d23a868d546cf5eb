import type { Middleware } from "koa";
import { passBack } from "../answer-errors.ts";
import { UpstreamAnswer } from "../errors.ts";
import { readText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { callerHeaders, callersRequest, upstreamFetch } from "../upstream.ts";

/**
 * Answers in which the server says where it is: the files of a UI component
 * (JS), an agent's card (A2A). There the caller reads the proxy's address, by
 * the name it used itself; the server's own may be out of its reach.
 */
export function ownAddress({ upstream, settings }: Services): Middleware {
  const { host, pathname } = new URL(upstream.url);
  const theirs = new RegExp(`(https?:)?//${escaped(host)}${escaped(pathname.replace(/\/$/, ""))}(?=/)`, "g");
  return async function answerWithOwnAddress(ctx) {
    const answer = await upstreamFetch(upstream.url + ctx.url, {
      method: ctx.method,
      ...(ctx.method === "POST"
        ? callersRequest(ctx.headers, upstream, await readText(ctx.req, settings.bodyLimit))
        : { headers: callerHeaders(ctx.headers, upstream) }),
    });
    const ours = `${ctx.get("x-forwarded-proto") || ctx.protocol}://${ctx.host}`;
    const text = (await answer.text()).replace(theirs, () => ours);
    passBack(ctx, new UpstreamAnswer(answer.status, text, answer.headers));
  };
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
