import { statusOf } from "../upstream.ts";

/** Whether it is this caller whom the server refuses; another may be let. */
export const isRefusal = (error: unknown): boolean => [401, 403, 404].includes(statusOf(error) ?? 0);

/** What the server refuses the caller here, it is left to refuse when the run is created; all else, that it is too busy, too, is thrown on. */
export function leaveRefusal(error: unknown): void {
  const status = statusOf(error);
  if (status === undefined || status >= 500 || status === 408 || status === 429) throw error;
}
