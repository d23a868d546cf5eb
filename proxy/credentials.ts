import type { IncomingHttpHeaders } from "node:http";
import { ProxyError } from "./errors.ts";

/** Headers of which a request may bring one: of two, servers and proxies pick differently. */
const single = ["authorization", "x-api-key"];

/**
 * The caller's headers as they go upstream. Who brings no credentials gets the
 * deployment's key, if there is one.
 *
 * `x-auth-scheme` stays behind: LangGraph servers take `langsmith` for a Studio
 * user, for whom custom authorization is skipped.
 */
export function upstreamHeaders(headers: IncomingHttpHeaders, apiKey: string | undefined): IncomingHttpHeaders {
  const { "x-auth-scheme": _studio, ...forwarded } = headers;
  const anonymous = !headers.authorization && !headers["x-api-key"] && !headers.cookie;
  return apiKey && anonymous ? { ...forwarded, "x-api-key": apiKey } : forwarded;
}

/** The same for two requests of one caller. */
export function callerOf({ authorization, "x-api-key": apiKey, cookie }: IncomingHttpHeaders): string {
  return JSON.stringify([authorization, apiKey, cookie]);
}

/**
 * Throws `ProxyError` 400 if a credential comes twice. Node would drop the
 * second `Authorization` and join two keys, so it takes the headers as they
 * came: names and values in turn.
 */
export function requireSingleCredentials(rawHeaders: string[]): void {
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const field = single.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (field) throw new ProxyError(400, "bad_request", `The header ${field} came more than once.`, { field });
}
