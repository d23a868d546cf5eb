import type { IncomingMessage } from "node:http";
import { requireSingleCredentials } from "./credentials.ts";
import { ProxyError } from "./errors.ts";
import { isInternalPath } from "./internal-path.ts";

/**
 * What no request may do, whichever way it takes through the proxy. Throws
 * `ProxyError`: 404 for the server's internal paths, 400 for a credential that comes twice.
 */
export function admit({ url = "/", rawHeaders }: Pick<IncomingMessage, "url" | "rawHeaders">): void {
  if (isInternalPath(url)) throw new ProxyError(404, "not_found", "This path is not open through the proxy.");
  requireSingleCredentials(rawHeaders);
}
