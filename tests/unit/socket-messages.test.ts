import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asFrame, type SocketMessage, SocketMessages } from "../../proxy/socket/messages.ts";

interface Sent {
  opcode: number;
  payload: Buffer;
  final: boolean;
  mask?: Buffer;
}

/** A frame as RFC 6455 draws it. */
function frame({ opcode, payload, final, mask }: Sent): Buffer {
  const plain = asFrame(opcode, payload);
  const head = plain.subarray(0, plain.length - payload.length);
  const masked = payload.map((byte, at) => byte ^ (mask?.[at % 4] ?? 0));
  const bytes = Buffer.concat([head, mask ?? Buffer.alloc(0), masked]);
  bytes.writeUInt8((final ? 0x80 : 0) | opcode, 0);
  bytes.writeUInt8(bytes.readUInt8(1) | (mask ? 0x80 : 0), 1);
  return bytes;
}

function read(chunks: Buffer[], limit = 1e6): SocketMessage[] {
  const messages = new SocketMessages(limit);
  return chunks.flatMap((chunk) => messages.push(chunk));
}

/** The same bytes, torn before each of the given positions. */
function tear(bytes: Buffer, positions: number[]): Buffer[] {
  const cuts = [0, ...positions.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, at) => bytes.subarray(cuts[at], end));
}

const payloads = fc
  .oneof(fc.nat(130), fc.constantFrom(125, 126, 127, 65_535, 65_536, 70_000))
  .map((length) => Buffer.alloc(length, "fermata "));
const masks = fc.option(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  { nil: undefined },
);
const whole = fc.record({ opcode: fc.constantFrom(1, 2, 9), payload: payloads, final: fc.constant(true), mask: masks });

describe("the messages of a WebSocket", () => {
  it("are told apart however their bytes were torn, and are the same bytes", () => {
    fc.assert(
      fc.property(fc.array(whole, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 8 }), (sent, positions) => {
        const frames = sent.map(frame);
        const told = read(tear(Buffer.concat(frames), positions));
        expect(told.map(({ opcode }) => opcode)).toEqual(sent.map(({ opcode }) => opcode));
        for (const [at, { bytes, payload }] of told.entries()) {
          expect(bytes.equals(frames[at] as Buffer)).toBe(true);
          expect(payload.equals(sent[at]?.payload as Buffer)).toBe(true);
        }
      }),
    );
  });

  it("may come in fragments, with a ping between them", () => {
    const mask = Buffer.from([1, 2, 3, 4]);
    const text = (opcode: number, words: string, final: boolean) =>
      frame({ opcode, payload: Buffer.from(words), final, mask });
    const [first, ping, last] = [text(1, "run.", false), text(9, "there?", true), text(0, "start", true)];
    const told = read([Buffer.concat([first, ping, last])]);
    expect(told.map(({ opcode, payload }) => [opcode, payload.toString()])).toEqual([
      [9, "there?"],
      [1, "run.start"],
    ]);
    expect(told.map(({ bytes }) => bytes)).toEqual([ping, Buffer.concat([first, last])]);
  });

  it("may not be larger than allowed, in one piece or in several", () => {
    const piece = (opcode: number, final: boolean) => frame({ opcode, payload: Buffer.alloc(60), final });
    expect(() => read([piece(1, true)], 59)).toThrow(RangeError);
    expect(() => read([piece(1, false), piece(0, true)], 119)).toThrow(RangeError);
    expect(read([piece(1, false), piece(0, true)], 120)).toHaveLength(1);
  });
});
