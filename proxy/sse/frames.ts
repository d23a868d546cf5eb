/** One server-sent event as bytes, up to and with the empty line that ends it. */
export interface Frame {
  bytes: Buffer;
  /** The `event:` field; undefined for comments and for frames that name none. */
  event?: string;
  id?: string;
  /** It is a comment: a heartbeat. */
  comment: boolean;
}

const LF = 10;

/**
 * Cuts a byte stream into frames without decoding what they carry.
 *
 * Lines end with LF or CRLF, wherever the chunks were torn; both kinds may be
 * mixed. What has not ended yet is held back until it has.
 */
export class FrameSplitter {
  /** What has come of the frame that is under way. */
  #pending: Buffer[] = [];
  /** What earlier chunks had of the line that is under way, as far as it matters: nothing, one CR, or more. */
  #line = "";

  push(chunk: Uint8Array): Frame[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const frames: Frame[] = [];
    let start = 0;
    let line = 0;
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, line)) {
      const text = this.#line + startOf(bytes, line, end);
      const empty = text === "" || text === "\r";
      this.#line = "";
      line = end + 1;
      if (!empty) continue;
      frames.push(parseFrame(Buffer.concat([...this.#pending, bytes.subarray(start, line)])));
      this.#pending = [];
      start = line;
    }
    this.#line = (this.#line + startOf(bytes, line, bytes.length)).slice(0, 2);
    if (start < bytes.length) this.#pending.push(bytes.subarray(start));
    return frames;
  }

  /** What came after the last whole frame. */
  end(): Buffer {
    const rest = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#line = "";
    return rest;
  }
}

/** The first two characters tell whether a line is empty. */
const startOf = (bytes: Buffer, from: number, to: number) => bytes.toString("latin1", from, Math.min(to, from + 2));

function parseFrame(bytes: Buffer): Frame {
  const frame: Frame = { bytes, comment: bytes[0] === 0x3a };
  for (let line = 0; line < bytes.length; ) {
    const end = bytes.indexOf(LF, line);
    const stop = end === -1 ? bytes.length : end;
    // Only the two short fields are decoded; `data:` may be megabytes.
    if (bytes[line] === 0x65 || bytes[line] === 0x69) {
      const text = bytes.toString("utf8", line, stop);
      const field = /^(event|id): ?(.*?)\r?$/.exec(text);
      if (field?.[1] === "event") frame.event = field[2];
      if (field?.[1] === "id") frame.id = field[2];
    }
    line = stop + 1;
  }
  return frame;
}
