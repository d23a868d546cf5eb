import { answersIn, isUnsettled } from "./answers.ts";
import type { State } from "./cut.ts";
import { messagesIn } from "./message.ts";

/**
 * Whether a thread is as a stop leaves it: nothing pending, every call
 * answered, and its head is of the run that was cut, or written since.
 */
export function isWhole(state: State, run: { run_id: string; created_at: string }, messagesKey: string): boolean {
  if (state.next.length > 0 || answersIn(messagesIn(state.values, messagesKey)).some(isUnsettled)) return false;
  const isOwn = state.metadata?.run_id === run.run_id;
  return isOwn || Date.parse(state.created_at ?? "") >= Date.parse(run.created_at);
}
