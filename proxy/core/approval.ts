import { isDeepStrictEqual } from "node:util";
import type { Task } from "./cut.ts";
import { isObject, type Message, type ToolCall } from "./message.ts";

/**
 * Whether a pause asks a human about this call of the reply: then nothing has
 * begun it. A question names what it is about, by the call's id or by the
 * tool's name and its arguments; one for review in LangChain's own form holds
 * back every call of the reply, those that need no approval, too.
 */
export function isAskedAbout(call: ToolCall, reply: Message, tasks: Task[]): boolean {
  const calls = reply.tool_calls ?? [];
  return tasks
    .flatMap(({ interrupts = [] }) => interrupts)
    .map((interrupt) => (isObject(interrupt) ? interrupt.value : undefined))
    .some((question) => names(question, call) || isReviewOf(question, calls));
}

function names(question: unknown, call: ToolCall): boolean {
  if (Array.isArray(question)) return question.some((part) => names(part, call));
  if (!isObject(question)) return false;
  const ids = [question.id, question.tool_call_id, question.toolCallId];
  if (typeof call.id === "string" && ids.includes(call.id)) return true;
  return isRequestOf(question, call) || Object.values(question).some((part) => names(part, call));
}

const isRequestOf = (request: unknown, { name, args }: ToolCall): boolean =>
  isObject(request) && request.name === name && isDeepStrictEqual(request.args, args);

function isReviewOf(question: unknown, calls: ToolCall[]): boolean {
  const requests = isObject(question) ? (question.action_requests ?? question.actionRequests) : undefined;
  if (!Array.isArray(requests) || requests.length === 0) return false;
  return requests.every((request) => calls.some((call) => isRequestOf(request, call)));
}
