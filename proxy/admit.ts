import type { IncomingMessage } from "node:http";
import { requireSingleCredentials } from "./credentials.ts";
import { ProxyError } from "./errors.ts";
import { isInternalPath } from "./internal-path.ts";
import { hidesSlash, inOneSpelling } from "./one-spelling.ts";

/**
 * What no request may do, whichever way it takes through the proxy; and its
 * path from here on in one spelling. Throws `ProxyError`: 404 for the server's
 * internal paths, 400 for a credential that comes twice, or an id with a slash.
 */
export function admit(request: Pick<IncomingMessage, "url" | "rawHeaders">): void {
  const { url = "/", rawHeaders } = request;
  if (isInternalPath(url)) throw new ProxyError(404, "not_found", "This path is not open through the proxy.");
  requireSingleCredentials(rawHeaders);
  request.url = inOneSpelling(url);
  if (hidesSlash(request.url)) throw new ProxyError(400, "bad_request", "An id in this path has an escaped slash.");
}
