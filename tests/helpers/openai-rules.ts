/** A message of an OpenAI chat completions request, as far as its rules look at it. */
export interface OpenAIMessage {
  role: string;
  content?: unknown;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

/**
 * What the OpenAI API would answer 400 to in a history.
 *
 * Returns one sentence per violation, none if the history is sound. Rules:
 * every `tool_calls` is followed at once by one answer per call, no answer
 * stands without its call, ids are unique, arguments are JSON objects, parts of
 * content are of their role's types, and an assistant message says something or
 * calls something.
 */
export function openaiViolations(messages: readonly OpenAIMessage[]): string[] {
  const violations: string[] = [];
  let open = new Set<string>();
  const close = (where: string) => {
    if (open.size > 0) {
      violations.push(
        `${where}: An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(", ")}`,
      );
    }
    open = new Set();
  };
  messages.forEach((message, index) => {
    const where = `messages.[${index}]`;
    violations.push(...strangeParts(message).map((part) => `${where}.content: Invalid value: '${part}'.`));
    if (message.role === "tool") {
      if (!open.delete(message.tool_call_id ?? "")) {
        violations.push(
          `${where}: messages with role 'tool' must be a response to a preceding message with 'tool_calls' (${message.tool_call_id}).`,
        );
      }
      if (message.content == null) violations.push(`${where}.content: expected a string, got null.`);
      return;
    }
    close(where);
    if (!["system", "developer", "user", "assistant"].includes(message.role)) {
      violations.push(`${where}.role: unknown role '${message.role}'.`);
    }
    if (message.role !== "assistant") {
      if (message.content == null) violations.push(`${where}.content: expected a string, got null.`);
      return;
    }
    const calls = message.tool_calls;
    if (calls?.length === 0) violations.push(`${where}.tool_calls: empty array.`);
    if (!calls?.length && isEmpty(message.content)) {
      violations.push(`${where}: an assistant message needs content or tool_calls.`);
    }
    for (const call of calls ?? []) {
      if (!call.id) violations.push(`${where}.tool_calls: missing id.`);
      if (open.has(call.id)) violations.push(`${where}.tool_calls: duplicate id ${call.id}.`);
      open.add(call.id);
      if (!isJsonObject(call.function.arguments)) {
        violations.push(`${where}.tool_calls: arguments of ${call.id} are not a JSON object.`);
      }
    }
  });
  close("end of messages");
  return violations;
}

const partsOf: Record<string, string[]> = {
  user: ["text", "image_url", "input_audio", "file"],
  assistant: ["text", "refusal"],
};

function strangeParts({ role, content }: OpenAIMessage): string[] {
  const types = Array.isArray(content) ? content.map(({ type }: { type?: string }) => String(type)) : [];
  return types.filter((type) => !(partsOf[role] ?? ["text"]).includes(type));
}

const isEmpty = (content: unknown) =>
  content == null || content === "" || (Array.isArray(content) && content.length === 0);

function isJsonObject(text: unknown): boolean {
  if (typeof text !== "string") return false;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
