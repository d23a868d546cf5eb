import { contentAcrossGap } from "./across-gap.ts";
import { type Content, type ContentBlock, isObject, type Message, type ToolCallChunk } from "./message.ts";

export interface SavedProtocolMessage {
  id?: string;
  complete: boolean;
  blocks: [index: number, block: ContentBlock][];
  metadata: Record<string, unknown>;
  usage?: Record<string, unknown>;
  open: number[];
  beforeGap?: [index: number, block: ContentBlock][];
}

/**
 * One message of a v2-protocol stream, put together from its events:
 * `message-start`, `content-block-start|delta|finish`, `usage`, `message-finish`.
 */
export class ProtocolMessage {
  readonly id?: string;
  complete = false;
  #blocks = new Map<number, ContentBlock>();
  /** Blocks that have not come to their end. */
  #open = new Set<number>();
  #metadata: Record<string, unknown> = {};
  #usage?: Record<string, unknown>;
  /** Blocks that were under way when something went missing; what came of them since stands apart. */
  #beforeGap = new Map<number, ContentBlock>();

  constructor(start: Record<string, unknown>) {
    this.id = typeof start.id === "string" ? start.id : undefined;
  }

  save(): SavedProtocolMessage {
    const { id, complete } = this;
    const [blocks, open] = [[...this.#blocks], [...this.#open]];
    const saved = { id, complete, blocks, open, metadata: this.#metadata, usage: this.#usage };
    return this.isTorn ? { ...saved, beforeGap: [...this.#beforeGap] } : saved;
  }

  static restore({ id, complete, blocks, open, metadata, usage, beforeGap }: SavedProtocolMessage): ProtocolMessage {
    const message = new ProtocolMessage({ id });
    message.complete = complete;
    message.#blocks = new Map(blocks);
    message.#open = new Set(open);
    message.#metadata = metadata;
    message.#usage = usage;
    message.#beforeGap = new Map(beforeGap);
    return message;
  }

  /** Something may be missing between what has come and what comes now: of the last block, since they come in turn. */
  tear(): void {
    const index = Math.max(...this.#blocks.keys());
    const [block] = this.#piecesOf(index);
    if (!block) return;
    this.#beforeGap.set(index, block);
    this.#blocks.delete(index);
  }

  get isTorn(): boolean {
    return this.#beforeGap.size > 0;
  }

  /** The block; or, where it is torn, a text with its gap, and of all else either side. */
  #piecesOf(index: number): ContentBlock[] {
    const [before, block] = [this.#beforeGap.get(index), this.#blocks.get(index)];
    if (!before || !block) return [before ?? block ?? []].flat();
    if (typeof before.text !== "string" || typeof block.text !== "string") return [before, block];
    return [{ ...block, text: contentAcrossGap(before.text, block.text) as string }];
  }

  /** Whether the event fits what has come: of messages that are streamed at once, it belongs to one that awaits it. */
  awaits({ event, index, content }: Record<string, unknown>): boolean {
    if (this.complete) return false;
    if (event === "message-finish") return this.#blocks.size > 0 && this.#open.size === 0;
    if (typeof index !== "number") return false;
    if (event === "content-block-start") return !this.#blocks.has(index);
    if (!this.#open.has(index)) return false;
    const said = this.#blocks.get(index)?.text;
    return event === "content-block-delta" || (isObject(content) && content.text === said);
  }

  add(event: Record<string, unknown>): void {
    if (isObject(event.usage)) this.#usage = event.usage;
    if (event.event === "message-finish") {
      this.complete = true;
      const metadata = event.responseMetadata ?? event.metadata;
      if (isObject(metadata)) this.#metadata = metadata;
    }
    if (typeof event.index !== "number") return;
    if (event.event === "content-block-finish") this.#open.delete(event.index);
    else this.#open.add(event.index);
    const block = this.#blocks.get(event.index) ?? {};
    if (event.event === "content-block-delta") this.#blocks.set(event.index, extend(block, event.delta));
    else if (isObject(event.content)) this.#put(event.index, event.content);
  }

  /** A block as it is by now: nothing of it is missing. */
  #put(index: number, block: ContentBlock): void {
    this.#blocks.set(index, block);
    this.#beforeGap.delete(index);
  }

  /** As the legacy modes would have streamed it: text as a plain string, reasoning beside it. */
  toMessage(): Message {
    const indices = [...new Set([...this.#blocks.keys(), ...this.#beforeGap.keys()])].sort((a, b) => a - b);
    const blocks = indices.flatMap((index) => this.#piecesOf(index));
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
