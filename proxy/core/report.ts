import { answersIn } from "./answers.ts";
import { type Cut, callKey, type State } from "./cut.ts";
import type { Fate } from "./fate.ts";
import { isAI, isObject, type Message, messagesIn } from "./message.ts";

/** What a stop answers about the conversation. */
export interface Report {
  /** The replies that were cut and kept, as they stand in the thread. */
  kept: Message[];
  /** The tool calls that had no answer when the run was stopped. */
  tool_calls: { id: string; name: string; fate: Fate }[];
}

/** Reads off the thread what the stop of this run did to it, so that a second asking gets the first one's answer. */
export function reportOn(state: State, cut: Cut): Report {
  const messages = messagesIn(state.values, cut.messagesKey);
  const tasks = new Set(cut.tasks.map(({ id }) => id));
  const unmarked = new Set(
    cut.said
      .filter(({ origin, complete }) => complete && origin.task && tasks.has(origin.task))
      .map(({ message }) => message.id),
  );
  return {
    kept: messages.filter(
      (message) => isAI(message) && (stopOn(message, cut) !== undefined || unmarked.has(message.id)),
    ),
    tool_calls: answersIn(messages).flatMap(({ reply, answers }) => {
      const calls = reply.tool_calls ?? [];
      const touched =
        calls.some(({ id }) => cut.open.includes(callKey(reply, id ?? ""))) || answers.some((one) => stopOn(one, cut));
      if (!touched) return [];
      return calls.flatMap(({ id, name }) => {
        const answer = answers.find((one) => one.tool_call_id === id);
        // A call that still waits for an approval has no fate yet.
        return answer ? [{ id: id ?? "", name, fate: (stopOn(answer, cut)?.fate ?? "finished") as Fate }] : [];
      });
    }),
  };
}

function stopOn(message: Message, cut: Cut): Record<string, unknown> | undefined {
  const stopped = message.response_metadata?.stopped;
  return isObject(stopped) && stopped.run_id === cut.runId ? stopped : undefined;
}
