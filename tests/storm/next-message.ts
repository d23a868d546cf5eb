import type { ThreadState } from "@langchain/langgraph-sdk";
import { textOf } from "../../proxy/core/message.ts";
import { hasNoConversation, inputFor, messagesOf, type Shape } from "../helpers/shapes.ts";
import { brief } from "./improvise.ts";
import type { StormOptions } from "./storm.ts";
import { finish } from "./talk.ts";

/** Sends the next message, or goes on with what waits for a human; says what went wrong. */
export async function goesOn(
  options: StormOptions,
  threadId: string,
  shape: Shape,
  prompt: string,
  waiting?: ThreadState["tasks"],
): Promise<string | undefined> {
  const given = waiting ? { command: { resume: refusalOf(waiting) } } : { input: inputFor(shape, prompt) };
  const error = await finish(options, threadId, shape.graph, given);
  if (error) return error;
  if (waiting || hasNoConversation(shape)) return undefined;
  const { values, next, tasks } = await options.client.threads.getState(threadId);
  const last = messagesOf(shape, values).at(-1);
  if (next.length > 0 && !(shape.mayPause && isPaused(tasks))) return `next is ${next} after the next message`;
  return textOf(last?.content) === brief ? undefined : `the next message was answered ${JSON.stringify(last?.content)}`;
}

export const isPaused = (tasks: ThreadState["tasks"]) => tasks.some(({ interrupts }) => (interrupts?.length ?? 0) > 0);

/** A no to all that is asked, in the form in which it is asked. */
function refusalOf(tasks: ThreadState["tasks"]): unknown {
  const questions = tasks.flatMap(({ interrupts }) => interrupts);
  const refusals = questions.map(({ id, value }): [string, unknown] => {
    const { actionRequests, action_requests } = Object(value);
    const requests = (actionRequests ?? action_requests) as unknown[] | undefined;
    return [String(id), requests ? { decisions: requests.map(() => ({ type: "reject" })) } : "no"];
  });
  return refusals.length === 1 ? refusals[0]?.[1] : Object.fromEntries(refusals);
}
