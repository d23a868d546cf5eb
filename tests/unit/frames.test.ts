import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Frame, FrameSplitter } from "../../proxy/sse/frames.ts";

interface Split {
  frames: Frame[];
  rest: Buffer;
}

function split(...chunks: Uint8Array[]): Split {
  const splitter = new FrameSplitter();
  return { frames: chunks.flatMap((chunk) => splitter.push(chunk)), rest: splitter.end() };
}

const bytesOf = ({ frames, rest }: Split) => Buffer.concat([...frames.map(({ bytes }) => bytes), rest]);

const told = ({ frames, rest }: Split) => ({
  frames: frames.map(({ bytes, event, id, comment }) => ({ bytes: bytes.toString("latin1"), event, id, comment })),
  rest: rest.toString("latin1"),
});

/** The same bytes, torn before each of the given positions. */
function tear(bytes: Buffer, positions: number[]): Buffer[] {
  const cuts = [0, ...[...positions].sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, at) => bytes.subarray(cuts[at], end));
}

const fields = (text: string) =>
  split(Buffer.from(text)).frames.map(({ event, id, comment }) => ({ event, id, comment }));

describe("frames of an event stream", () => {
  it.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
  ])("end with an empty line of %s", (_, end) => {
    const first = `event: metadata${end}data: {"run_id":"r"}${end}${end}`;
    const second = `id: 7${end}event: values${end}data: {}${end}${end}`;
    expect(told(split(Buffer.from(first + second)))).toEqual({
      frames: [
        { bytes: first, event: "metadata", id: undefined, comment: false },
        { bytes: second, event: "values", id: "7", comment: false },
      ],
      rest: "",
    });
  });

  it("may mix both kinds, inside a frame and between frames", () => {
    const text = "event: a\r\ndata: 1\n\r\nevent: b\ndata: 2\r\n\n: heartbeat\r\n\r\n";
    expect(fields(text)).toEqual([
      { event: "a", id: undefined, comment: false },
      { event: "b", id: undefined, comment: false },
      { event: undefined, id: undefined, comment: true },
    ]);
  });

  it("tells a heartbeat by its colon", () => {
    expect(fields(": heartbeat\n\n:\r\n\r\ndata: :\n\n").map(({ comment }) => comment)).toEqual([true, true, false]);
  });

  it("keeps data of several lines, and fields of other names, in one frame", () => {
    const text = "event: custom\ndata: a\ndata: b\n data: c\nretry: 5\nidle: x\nevents: y\n\n";
    expect(fields(text)).toEqual([{ event: "custom", id: undefined, comment: false }]);
  });

  it("reads event and id with and without the space, after data too", () => {
    expect(fields("data: 1\nevent:messages|tools:1\nid:1700-0\n\n")).toEqual([
      { event: "messages|tools:1", id: "1700-0", comment: false },
    ]);
  });

  it("hands out what never ended once, and begins anew", () => {
    const splitter = new FrameSplitter();
    expect(splitter.push(Buffer.from("data: 1\n\nevent: val"))).toHaveLength(1);
    expect(splitter.end().toString()).toBe("event: val");
    expect(splitter.end()).toHaveLength(0);
    expect(splitter.push(Buffer.from("event: end\n\n"))).toMatchObject([{ event: "end" }]);
  });

  it("gives a frame out as soon as its last byte is there", () => {
    const splitter = new FrameSplitter();
    expect(splitter.push(Buffer.from("event: end\r\n\r"))).toEqual([]);
    expect(splitter.push(Buffer.from("\n"))).toMatchObject([{ event: "end" }]);
  });

  it("takes views into a larger buffer", () => {
    const large = new TextEncoder().encode("xxevent: a\n\nxx");
    expect(told(split(large.subarray(2, 12)))).toEqual(told(split(Buffer.from("event: a\n\n"))));
  });
});

describe("frames of a torn stream", () => {
  const text = 'id: 1-0\r\nevent: messages\r\ndata: "é🐉"\r\n\r\n: heartbeat\n\nevent: end\ndata: x\n\ndata: never';
  const bytes = Buffer.from(text);
  const whole = split(bytes);

  it("are the same wherever it was torn, a carriage return from its line feed too (case 25)", () => {
    expect(whole.frames).toHaveLength(3);
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(told(split(...tear(bytes, [at]))), `torn at ${at}`).toEqual(told(whole));
    }
  });

  it("are the same byte by byte (case 25)", () => {
    expect(told(split(...tear(bytes, [...bytes.keys()])))).toEqual(told(whole));
  });

  const line = fc.oneof(
    fc.constantFrom("event: values", "event:messages|a:1", "id: 3", ": heartbeat", "data: {}", "data: a\rb", "\r"),
    fc.string({ unit: "grapheme", maxLength: 12 }),
    fc.constant(""),
  );
  const stream = fc
    .array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "")), { maxLength: 30 })
    .map((lines) => Buffer.from(lines.flat().join("")));

  it("are the same for any stream and any chunks, and no byte is lost (case 25)", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(400), { maxLength: 12 }), (any, positions) => {
        const torn = split(
          ...tear(
            any,
            positions.map((at) => Math.min(at, any.length)),
          ),
        );
        expect(told(torn)).toEqual(told(split(any)));
        expect(bytesOf(torn)).toEqual(any);
      }),
      { numRuns: 500, seed: 4 },
    );
  });
});
