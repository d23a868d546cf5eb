import type { IncomingMessage } from "node:http";
import { isLosslessNumber, parse, stringify } from "lossless-json";
import rawBody from "raw-body";
import { isObject } from "./core/message.ts";
import { ProxyError } from "./errors.ts";

/** Reads a request's body as text. Throws `ProxyError` 413 past `limit` bytes. */
export async function readText(request: IncomingMessage, limit: number): Promise<string> {
  try {
    return await rawBody(request, { length: request.headers["content-length"], limit, encoding: "utf8" });
  } catch (error) {
    if ((error as { type?: string }).type === "entity.too.large") {
      throw new ProxyError(413, "body_too_large", `The body is larger than ${limit} bytes.`, { field: "body" });
    }
    throw error;
  }
}

/**
 * The text as a JSON object, or undefined if it is anything else. Numbers keep
 * their digits: `1.0` is no `1` to a Python graph, and a long id no double.
 */
export function asObject(text: string): Record<string, unknown> | undefined {
  try {
    const value = parse(text, undefined, { onDuplicateKey: ({ newValue }) => newValue });
    return isObject(value) && !isLosslessNumber(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The JSON text of what `asObject` read, number for number. */
export const asText = (body: Record<string, unknown>): string => stringify(body) ?? "";
