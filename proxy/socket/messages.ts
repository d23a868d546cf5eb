/** A message of a WebSocket, or one of its control frames, with all its bytes as they came. */
export interface SocketMessage {
  /** 1 text, 2 binary; 8 and above: close, ping, pong. */
  opcode: number;
  /** The frames, to be passed on. */
  bytes: Buffer;
  /** What they say. */
  payload: Buffer;
}

interface SocketFrame extends SocketMessage {
  final: boolean;
}

const isControl = ({ opcode }: SocketFrame) => opcode >= 8;

/** Takes a WebSocket's bytes apart (RFC 6455, without extensions). Throws `RangeError` for a message of more than `limit` bytes. */
export class SocketMessages {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #length = 0;
  /** So many bytes are needed to get any further. */
  #needed = 2;
  #fragments: SocketFrame[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The messages that end in this chunk; a control frame between the fragments of one comes before it. */
  push(chunk: Buffer): SocketMessage[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this.#frames().flatMap((frame) => (isControl(frame) ? [frame] : this.#joined(frame)));
  }

  #joined(frame: SocketFrame): SocketMessage[] {
    this.#fragments.push(frame);
    const payloads = this.#fragments.map(({ payload }) => payload);
    this.#check(payloads.reduce((sum, { length }) => sum + length, 0));
    if (!frame.final) return [];
    const [{ opcode }, ...others] = this.#fragments as [SocketFrame];
    if (others.length === 0) return this.#fragments.splice(0);
    const bytes = Buffer.concat(this.#fragments.map((one) => one.bytes));
    this.#fragments = [];
    return [{ opcode, bytes, payload: Buffer.concat(payloads) }];
  }

  #frames(): SocketFrame[] {
    const frames: SocketFrame[] = [];
    while (this.#length >= this.#needed) {
      const [first, ...others] = this.#chunks as [Buffer];
      const all = others.length > 0 ? Buffer.concat(this.#chunks) : first;
      const end = this.#endOf(all);
      if (end > all.length) {
        this.#chunks = [all];
        this.#needed = end;
        break;
      }
      frames.push(frameOf(all.subarray(0, end)));
      this.#chunks = [all.subarray(end)];
      this.#length -= end;
      this.#needed = 2;
    }
    return frames;
  }

  /** Where the first frame ends, or so much of it as can be told. */
  #endOf(bytes: Buffer): number {
    const head = headLength(bytes);
    if (bytes.length < head) return head;
    const length = payloadLength(bytes);
    this.#check(length);
    return head + length;
  }

  #check(length: number): void {
    if (length > this.#limit) throw new RangeError(`A message of more than ${this.#limit} bytes.`);
  }
}

const sizeOf = (bytes: Buffer) => (bytes[1] ?? 0) & 0x7f;
const isMasked = (bytes: Buffer) => ((bytes[1] ?? 0) & 0x80) !== 0;

function headLength(bytes: Buffer): number {
  const extended = sizeOf(bytes) === 127 ? 8 : sizeOf(bytes) === 126 ? 2 : 0;
  return 2 + extended + (isMasked(bytes) ? 4 : 0);
}

function payloadLength(bytes: Buffer): number {
  const size = sizeOf(bytes);
  if (size === 127) return Number(bytes.readBigUInt64BE(2));
  return size === 126 ? bytes.readUInt16BE(2) : size;
}

function frameOf(bytes: Buffer): SocketFrame {
  const head = headLength(bytes);
  const payload = bytes.subarray(head);
  const first = bytes[0] ?? 0;
  return {
    final: (first & 0x80) !== 0,
    opcode: first & 0x0f,
    bytes,
    payload: isMasked(bytes) ? masked(payload, bytes.subarray(head - 4, head)) : payload,
  };
}

function masked(payload: Buffer, mask: Buffer): Buffer {
  const plain = Buffer.allocUnsafe(payload.length);
  for (let at = 0; at < payload.length; at += 1) plain[at] = (payload[at] as number) ^ (mask[at & 3] as number);
  return plain;
}

/** One frame with this payload, as a server sends it. */
export function asFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const size = length < 126 ? length : length < 0x10000 ? 126 : 127;
  const extended = Buffer.alloc(size === 127 ? 8 : size === 126 ? 2 : 0);
  if (size === 126) extended.writeUInt16BE(length);
  if (size === 127) extended.writeBigUInt64BE(BigInt(length));
  return Buffer.concat([Buffer.from([0x80 | opcode, size]), extended, payload]);
}
