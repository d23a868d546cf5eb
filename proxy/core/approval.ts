import { isDeepStrictEqual } from "node:util";
import type { Task } from "./cut.ts";
import { isObject, type Message, type ToolCall } from "./message.ts";

/**
 * Whether a pause asks a human about this call of the reply: then nothing has
 * begun it. A question names what it is about, by the call's id or by the
 * tool's name and its arguments; one for review in LangChain's own form holds
 * back every call of the reply, those that need no approval, too.
 *
 * A tool may ask in the middle of its own work, and say for which call it
 * works. So where tools run, only a question that shows the whole call counts.
 */
export function isAskedAbout(call: ToolCall, reply: Message, tasks: Task[]): boolean {
  const calls = reply.tool_calls ?? [];
  return tasks.flatMap(askingIn).some((task) => {
    const questions = (task.interrupts ?? []).map((interrupt) => (isObject(interrupt) ? interrupt.value : undefined));
    if (runsTools(task)) return questions.some((question) => shows(question, call));
    return questions.some((question) => names(question, call) || isReviewOf(question, calls));
  });
}

/** The tasks that ask: the task itself, or those of its subgraph, where that is known. */
function askingIn(task: Task): Task[] {
  const inner = isObject(task.state) && Array.isArray(task.state.tasks) ? (task.state.tasks as Task[]) : [];
  const asking = inner.filter(({ interrupts }) => (interrupts?.length ?? 0) > 0);
  return asking.length > 0 ? asking.flatMap(askingIn) : [task];
}

/** By the name that LangChain gives the node, or because there is a task for each call. */
const runsTools = ({ name, path }: Task): boolean =>
  name === "tools" || (Array.isArray(path) && path[0] === "__pregel_push");

/** Whether the call stands in the question as it stands in the reply. */
function shows(question: unknown, call: ToolCall): boolean {
  if (Array.isArray(question)) return question.some((part) => shows(part, call));
  if (!isObject(question)) return false;
  if (question.id === call.id && isRequestOf(question, call)) return true;
  return Object.values(question).some((part) => shows(part, call));
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
