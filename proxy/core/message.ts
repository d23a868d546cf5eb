/** A message as LangGraph servers send and take it: plain JSON, snake case. */
export interface Message {
  type: string;
  id?: string | null;
  content: Content;
  name?: string | null;
  tool_calls?: ToolCall[];
  /** Chunks only: what has streamed of each call's arguments. */
  tool_call_chunks?: ToolCallChunk[];
  tool_call_id?: string;
  status?: string;
  additional_kwargs?: Record<string, unknown>;
  response_metadata?: Record<string, unknown>;
  usage_metadata?: Record<string, unknown> | null;
}

export type Content = string | ContentBlock[];

export interface ContentBlock {
  type?: string;
  text?: string;
  [field: string]: unknown;
}

export interface ToolCall {
  id?: string | null;
  name: string;
  args: Record<string, unknown>;
  type?: "tool_call";
}

export interface ToolCallChunk {
  id?: string | null;
  name?: string | null;
  args?: string | null;
  index?: number | string | null;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The object that a JSON text is, or undefined if it is none, as while it still streams. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const other = new Set(["human", "system", "developer", "tool", "function", "remove"]);

/** The message's type without the chunk's suffix: Python says `AIMessageChunk`, JS says `ai`. */
export function typeOf(message: Pick<Message, "type">): string {
  const type = message.type.replace(/MessageChunk$/, "").toLowerCase();
  return type === "assistant" ? "ai" : type === "user" ? "human" : type;
}

/** Whether the model said it. A provider that names no role makes LangChain call its reply `generic`. */
export const isAI = (message: Pick<Message, "type">): boolean => !other.has(typeOf(message));

export const isTool = (message: Pick<Message, "type">): boolean => typeOf(message) === "tool";

/** The text a reader sees: the string, or the text blocks joined. */
export function textOf(content: Content | undefined): string {
  if (typeof content === "string") return content;
  return blocksOf(content ?? [])
    .map(({ text }) => (typeof text === "string" ? text : ""))
    .join("");
}

/** The blocks of a list; Python has strings in it, too. */
export const blocksOf = (list: (ContentBlock | string)[]): ContentBlock[] =>
  list.map((block) => (typeof block === "string" ? { type: "text", text: block } : block));

/** The messages under `key` of a thread's values, or none. */
export function messagesIn(values: unknown, key: string | undefined): Message[] {
  const list = isObject(values) && key !== undefined ? values[key] : undefined;
  return Array.isArray(list) ? list.filter(isMessage) : [];
}

export interface Item {
  id?: unknown;
}

/** Everything under `key`, also what isn't in wire form: a key without a reducer holds what clients sent, as they sent it. */
export function itemsIn(values: unknown, key: string | undefined): Item[] {
  const list = isObject(values) && key !== undefined ? values[key] : undefined;
  return Array.isArray(list) ? list.filter(isObject) : [];
}

/** What asks a reducer to take a message out; one that stands in a conversation was not understood. */
export const isRemoval = (item: Item): boolean => isMessage(item) && typeOf(item) === "remove";

export const isMessage = (value: unknown): value is Message => isObject(value) && typeof value.type === "string";

/**
 * Under which key a graph has its conversation: the preferred one if the
 * thread or the run's input has it, else the first that holds messages;
 * undefined for a graph without a conversation.
 */
export function conversationKey(values: unknown, input: unknown, preferred: string): string | undefined {
  const places = [values, input].filter(isObject);
  if (places.some((place) => preferred in place)) return preferred;
  return places.flatMap(Object.entries).find(([, value]) => holdsMessages(value))?.[0];
}

const messageTypes = new Set([
  "human",
  "ai",
  "system",
  "tool",
  "user",
  "assistant",
  "developer",
  "function",
  "generic",
]);

function holdsMessages(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every(
    (item) =>
      isObject(item) &&
      "content" in item &&
      messageTypes.has(typeof item.type === "string" ? typeOf({ type: item.type }) : String(item.role)),
  );
}
