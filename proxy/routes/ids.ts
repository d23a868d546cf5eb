import { z } from "zod";
import { ProxyError } from "../errors.ts";

const uuid = z.uuid();

/** The id, if it is a canonical UUID; throws `ProxyError` 400 that names the field. */
export function requireId(field: "thread_id" | "run_id", value: unknown): string {
  if (uuid.safeParse(value).success) return String(value);
  throw new ProxyError(400, "bad_request", `${field} must be a UUID.`, { field });
}

export const isId = (value: string | undefined): value is string => uuid.safeParse(value).success;
