import { statusOf } from "../upstream.ts";

/** What the server refuses the caller here, it is left to refuse when the run is created; all else, that it is too busy, too, is thrown on. */
export function leaveRefusal(error: unknown): void {
  const status = statusOf(error);
  if (status === undefined || status >= 500 || status === 408 || status === 429) throw error;
}
