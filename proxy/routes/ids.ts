import { ProxyError } from "../errors.ts";

/**
 * A UUID as it stands in a path, of whatever version: no braces, no `urn:`, all
 * its dashes. Upper case is let through: the JS server keeps an id as its
 * client chose it.
 */
export const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id, if it is a canonical UUID; throws `ProxyError` 400 that names the field. */
export function requireId(field: "thread_id" | "run_id", value: unknown): string {
  if (typeof value === "string" && uuid.test(value)) return value;
  throw new ProxyError(400, "bad_request", `${field} must be a UUID.`, { field });
}

/**
 * Whether a path of the server's names a thread or a run by what is a UUID in
 * nobody's eyes: the server says so in its own words. The Python server reads
 * past dashes, braces and `urn:uuid:`, so such a spelling does name somebody.
 */
export function namesNobody(path: string): boolean {
  const [, ...ids] = /^\/threads\/([^/]+)\/(?!stop$)(?:runs\/([^/]+)\/)?/.exec(path) ?? [];
  return ids.some((id) => id !== undefined && !isUuidToSome(decoded(id)));
}

const isUuidToSome = (id: string) => /^[0-9a-f_\s]{32}$/i.test(id.replace(/urn:|uuid:|[{}-]/g, ""));

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
