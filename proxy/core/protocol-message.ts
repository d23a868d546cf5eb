import { type Content, type ContentBlock, isObject, type Message, type ToolCallChunk } from "./message.ts";

export interface SavedProtocolMessage {
  id?: string;
  complete: boolean;
  blocks: [index: number, block: ContentBlock][];
  metadata: Record<string, unknown>;
  usage?: Record<string, unknown>;
}

/**
 * One message of a v2-protocol stream, put together from its events:
 * `message-start`, `content-block-start|delta|finish`, `usage`, `message-finish`.
 */
export class ProtocolMessage {
  readonly id?: string;
  complete = false;
  #blocks = new Map<number, ContentBlock>();
  #metadata: Record<string, unknown> = {};
  #usage?: Record<string, unknown>;

  constructor(start: Record<string, unknown>) {
    this.id = typeof start.id === "string" ? start.id : undefined;
  }

  save(): SavedProtocolMessage {
    const { id, complete } = this;
    return { id, complete, blocks: [...this.#blocks], metadata: this.#metadata, usage: this.#usage };
  }

  static restore({ id, complete, blocks, metadata, usage }: SavedProtocolMessage): ProtocolMessage {
    const message = new ProtocolMessage({ id });
    message.complete = complete;
    message.#blocks = new Map(blocks);
    message.#metadata = metadata;
    message.#usage = usage;
    return message;
  }

  add(event: Record<string, unknown>): void {
    if (isObject(event.usage)) this.#usage = event.usage;
    if (event.event === "message-finish") {
      this.complete = true;
      const metadata = event.responseMetadata ?? event.metadata;
      if (isObject(metadata)) this.#metadata = metadata;
    }
    if (typeof event.index !== "number") return;
    const block = this.#blocks.get(event.index) ?? {};
    if (event.event === "content-block-delta") this.#blocks.set(event.index, extend(block, event.delta));
    else if (isObject(event.content)) this.#blocks.set(event.index, event.content);
  }

  /** As the legacy modes would have streamed it: text as a plain string, reasoning beside it. */
  toMessage(): Message {
    const blocks = [...this.#blocks].sort(([a], [b]) => a - b).map(([, block]) => block);
    const calls = blocks.filter(isCall);
    const said = blocks.filter((block) => !isCall(block) && block.type !== "reasoning");
    const reasoning = blocks.map((block) => block.reasoning ?? "").join("");
    return {
      type: "ai",
      id: this.id,
      content: asContent(said),
      additional_kwargs: reasoning ? { reasoning_content: reasoning } : {},
      tool_call_chunks: calls.map(asChunk),
      response_metadata: this.#metadata,
      usage_metadata: this.#usage,
    };
  }
}

/** A delta adds to the fields of its block that are text, `text`, `reasoning`, `args`; or it has `fields`, as they are by then. */
function extend(block: ContentBlock, delta: unknown): ContentBlock {
  if (!isObject(delta)) return block;
  if (isObject(delta.fields)) return { ...block, ...delta.fields };
  // Of a block whose start is lost its deltas tell the type: `text-delta`, `tool-call-delta`.
  const extended: ContentBlock = {
    ...block,
    type:
      block.type ??
      String(delta.type)
        .replace(/-delta$/, "")
        .replaceAll("-", "_"),
  };
  for (const [field, value] of Object.entries(delta)) {
    if (field === "type" || field === "index") continue;
    const before = extended[field];
    extended[field] = typeof value === "string" && typeof before === "string" ? before + value : value;
  }
  return extended;
}

const isCall = (block: ContentBlock) => block.type === "tool_call" || block.type === "tool_call_chunk";

function asChunk({ id, name, args }: ContentBlock): ToolCallChunk {
  return {
    id: typeof id === "string" ? id : undefined,
    name: typeof name === "string" ? name : undefined,
    args: typeof args === "string" ? args : JSON.stringify(args ?? {}),
  };
}

function asContent(blocks: ContentBlock[]): Content {
  if (blocks.every(({ type, text }) => type === "text" && typeof text === "string")) {
    return blocks.map(({ text }) => text).join("");
  }
  return blocks;
}
