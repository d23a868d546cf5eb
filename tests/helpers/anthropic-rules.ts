/** A block of an Anthropic Messages request, as far as its rules look at it. */
export interface AnthropicBlock {
  type: string;
  text?: string;
  id?: string;
  name?: string;
  input?: unknown;
  tool_use_id?: string;
  signature?: unknown;
  source?: unknown;
}

export interface AnthropicMessage {
  role: string;
  content: string | AnthropicBlock[];
}

/**
 * What the Anthropic Messages API would answer 400 to in a history.
 *
 * Returns one sentence per violation, none if the history is sound. Adjacent
 * turns of one role are merged first, as the API does. Rules: the first turn is
 * the user's, no turn and no text is empty, blocks are of known types, the
 * answers to an assistant turn's calls open the next turn and are exactly those,
 * Anthropic's own tools have their input and stand with their result, thinking
 * is signed and is not the last that is said, and a final assistant turn does
 * not end in white space.
 *
 * `isSigned` tells a signature that was issued from one that was cut.
 */
export function anthropicViolations(
  messages: readonly AnthropicMessage[],
  isSigned: (signature: string) => boolean = (signature) => signature !== "",
): string[] {
  const turns = merge(messages);
  const violations = turns.flatMap((turn, at) =>
    [
      ...(at === 0 && turn.role !== "user" ? ["the first message must use the 'user' role"] : []),
      ...emptiness(turn),
      ...(turn.role === "assistant" ? spoken(turn, isSigned) : []),
      ...answers(turn, turns[at - 1]),
    ].map((violation) => `messages.${at}: ${violation}.`),
  );
  const last = turns.at(-1);
  if (last?.role !== "assistant") return violations;
  if (callsIn(last).length > 0) {
    violations.push(`\`tool_use\` ids were found without \`tool_result\` blocks: ${callsIn(last).join(", ")}.`);
  }
  if (/\s$/.test(last.content.at(-1)?.text ?? "")) {
    violations.push("messages: final assistant content cannot end with trailing whitespace.");
  }
  return violations;
}

interface Turn {
  role: string;
  content: AnthropicBlock[];
}

function merge(messages: readonly AnthropicMessage[]): Turn[] {
  const turns: Turn[] = [];
  for (const { role, content } of messages) {
    const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else turns.push({ role, content: [...blocks] });
  }
  return turns;
}

const blockTypes = [
  "text",
  "image",
  "document",
  "thinking",
  "redacted_thinking",
  "tool_use",
  "tool_result",
  "server_tool_use",
  "web_search_tool_result",
];

function emptiness({ role, content }: Turn): string[] {
  return [
    ...(role === "user" || role === "assistant" ? [] : [`unexpected role '${role}'`]),
    ...(content.length === 0 ? ["all messages must have non-empty content"] : []),
    ...content.flatMap(({ type }) => (blockTypes.includes(type) ? [] : [`unexpected block of type '${type}'`])),
    ...content.flatMap(({ type, text }) =>
      type === "text" && !text?.trim() ? ["text content blocks must contain non-whitespace text"] : [],
    ),
  ];
}

function spoken({ content }: Turn, isSigned: (signature: string) => boolean): string[] {
  const calls = content.filter(({ type }) => type === "tool_use");
  const ids = calls.map(({ id }) => id);
  return [
    ...content.flatMap(({ type, signature }) =>
      type === "thinking" && !(typeof signature === "string" && isSigned(signature))
        ? ["invalid `signature` in `thinking` block"]
        : [],
    ),
    ...(content.at(-1)?.type === "thinking" ? ["the final block in an assistant message cannot be `thinking`"] : []),
    ...calls.flatMap(({ id, name, input }) => [
      ...(id && /^[\w-]+$/.test(id) ? [] : [`tool_use.id '${id}' does not match '^[a-zA-Z0-9_-]+$'`]),
      ...(name ? [] : ["tool_use.name is missing"]),
      ...(isInput(input) ? [] : ["tool_use.input is no object"]),
    ]),
    ...(new Set(ids).size < ids.length ? ["`tool_use` ids must be unique"] : []),
    ...ownTools(content),
  ];
}

/** A call to one of Anthropic's own tools stands with its result, and that with its call. */
function ownTools(content: AnthropicBlock[]): string[] {
  const open = new Set<string>();
  const violations = content.flatMap(({ type, id = "", tool_use_id: of = "", input }) => {
    if (type === "server_tool_use") {
      open.add(id);
      return isInput(input) ? [] : ["server_tool_use.input is no object"];
    }
    if (type !== "web_search_tool_result" || open.delete(of)) return [];
    return [`unexpected \`tool_use_id\` found in \`web_search_tool_result\` blocks: ${of}`];
  });
  return [...violations, ...[...open].map((id) => `\`server_tool_use\` was found without its result: ${id}`)];
}

const isInput = (input: unknown) => typeof input === "object" && input !== null && !Array.isArray(input);

/** Every call is answered at the head of the next turn, once, and nothing else is. */
function answers(turn: Turn, before: Turn | undefined): string[] {
  const open = new Set(before?.role === "assistant" ? callsIn(before) : []);
  const results = turn.content.filter(({ type }) => type === "tool_result");
  const late = turn.content.findLastIndex(({ type }) => type === "tool_result") >= results.length;
  const unexpected = results.filter(({ tool_use_id: id }) => !id || !open.delete(id));
  return [
    ...(late ? ["`tool_result` blocks must come before other content"] : []),
    ...unexpected.map(({ tool_use_id: id }) => `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}`),
    ...[...open].map((id) => `\`tool_use\` ids were found without \`tool_result\` blocks: ${id}`),
  ];
}

const callsIn = ({ content }: Turn): string[] =>
  content.flatMap(({ type, id }) => (type === "tool_use" && id ? [id] : []));
