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
const CR = 13;

/**
 * Cuts a byte stream into frames without decoding what they carry.
 *
 * Lines end with LF or CRLF, wherever the chunks were torn; both kinds may be
 * mixed. What has not ended yet is held back until it has.
 */
export class FrameSplitter {
  #rest: Buffer = Buffer.alloc(0);
  #scanned = 0;

  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    const bytes =
      this.#rest.length > 0
        ? Buffer.concat([this.#rest, chunk])
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    let line = this.#scanned;
    for (let end = bytes.indexOf(LF, line); end !== -1; end = bytes.indexOf(LF, line)) {
      const empty = end === line || (end === line + 1 && bytes[line] === CR);
      line = end + 1;
      if (!empty) continue;
      frames.push(parseFrame(bytes.subarray(start, line)));
      start = line;
    }
    this.#rest = bytes.subarray(start);
    this.#scanned = line - start;
    return frames;
  }

  /** What came after the last whole frame. */
  end(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    this.#scanned = 0;
    return rest;
  }
}

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
