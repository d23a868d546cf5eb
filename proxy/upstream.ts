import type { IncomingHttpHeaders } from "node:http";
import { Client } from "@langchain/langgraph-sdk";
import { Agent, fetch as undiciFetch } from "undici";
import { upstreamHeaders } from "./credentials.ts";
import { causeOf, ProxyError, UpstreamAnswer } from "./errors.ts";

/** The LangGraph server behind the proxy. */
export interface Upstream {
  /** Base URL, without a slash at the end. */
  url: string;
  /** Sent as `x-api-key` for callers that bring no credentials. */
  apiKey?: string;
}

// A tool may run for longer than any sensible time-out without a byte on the wire.
const agent = new Agent({ bodyTimeout: 0, headersTimeout: 0, connections: null });

/** `fetch` without time-outs of its own; a failed connection is a 502 that names the call and the cause. */
export const upstreamFetch: typeof fetch = async (input, init) => {
  try {
    const response = await undiciFetch(
      input as string,
      { ...init, dispatcher: agent } as Parameters<typeof undiciFetch>[1],
    );
    return response as unknown as Response;
  } catch (error) {
    if (init?.signal?.aborted) throw error;
    throw unreachable(init?.method ?? "GET", String(input), error);
  }
};

/** 502: the LangGraph server can't be reached; says which call failed and why. */
export function unreachable(method: string, url: string, error: unknown): ProxyError {
  const { pathname } = new URL(url);
  const message = `The LangGraph server did not answer ${method} ${pathname}: ${causeOf(error)}`;
  return new ProxyError(502, "upstream_unreachable", message, { cause: error });
}

const ownHeaders = new Set([
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "last-event-id",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The caller's headers as they go upstream: all but those that belong to the connection or the body. */
export function callerHeaders(headers: IncomingHttpHeaders, upstream: Upstream): Record<string, string> {
  const forwarded: Record<string, string> = {};
  for (const [name, value] of Object.entries(upstreamHeaders(headers, upstream.apiKey))) {
    if (value === undefined || ownHeaders.has(name)) continue;
    forwarded[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return forwarded;
}

/** A request with this body in the caller's name, and with the caller's own `content-type`, if there is one. */
export function callersRequest(
  headers: IncomingHttpHeaders,
  upstream: Upstream,
  body: string,
): { headers: Record<string, string>; body: Uint8Array<ArrayBuffer> } {
  const type = headers["content-type"];
  // Of text, `fetch` would say a type itself.
  return {
    headers: { ...callerHeaders(headers, upstream), ...(type ? { "content-type": type } : {}) },
    body: Buffer.from(body),
  };
}

/**
 * The SDK's client in the caller's name. `apiKey: null` keeps it from looking
 * for keys in the environment, which would overrule the caller's own.
 */
export function clientFor(headers: IncomingHttpHeaders, upstream: Upstream, fetch = upstreamFetch): Client {
  return new Client({
    apiUrl: upstream.url,
    apiKey: null,

    defaultHeaders: callerHeaders(headers, upstream),
    callerOptions: { maxRetries: 0, maxConcurrency: Number.POSITIVE_INFINITY, fetch },
  });
}

/** The status of an SDK call that the server refused, or undefined for any other failure. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("status" in error)) return undefined;
  return typeof error.status === "number" && !(error instanceof ProxyError) ? error.status : undefined;
}

/** Turns the SDK's error into the server's own answer, to be passed to the caller as it is. */
export function asAnswer(error: unknown): unknown {
  const status = statusOf(error);
  if (status === undefined) return error;
  const { text = "", response } = error as { text?: string; response?: Response };
  return new UpstreamAnswer(status, text, response?.headers ?? new Headers());
}

/** Awaits an SDK call in the caller's name; what the server refuses, it refuses the caller. */
export async function asCaller<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw asAnswer(error);
  }
}
