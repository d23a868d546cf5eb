import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { asFrame, type SocketMessage, SocketMessages } from "./messages.ts";

/** Close, and why: the message is too big. */
const tooBig = asFrame(8, Buffer.from([1009 >> 8, 1009 & 0xff]));

/** Says for each message of the client's, in turn, whether it goes to the server. */
export type Passes = (message: SocketMessage) => Promise<boolean>;

/**
 * Carries a WebSocket's messages to and fro, in order and as they come, but for
 * those of the client's that don't pass. Resolves when either side has closed.
 */
export async function carryBetween(client: Duplex, server: Socket, passes: Passes, limit: number): Promise<void> {
  const toServer = async function* (chunks: AsyncIterable<Buffer>) {
    const messages = new SocketMessages(limit);
    for await (const chunk of chunks) {
      const arrived = told(messages, chunk);
      if (!arrived) return await new Promise<void>((written) => client.write(tooBig, () => written()));
      for (const message of arrived) if (await passes(message)) yield message.bytes;
    }
  };
  // Whole messages at a time: the proxy's own come between two of them.
  const toClient = async function* (chunks: AsyncIterable<Buffer>) {
    const messages = new SocketMessages(Number.POSITIVE_INFINITY);
    for await (const chunk of chunks) {
      for (const { bytes } of messages.push(chunk)) yield bytes;
    }
  };
  try {
    await Promise.all([pipeline(client, toServer, server), pipeline(server, toClient, client)]);
  } catch (error) {
    if (!isHangUp(error)) throw error;
  } finally {
    client.destroy();
    server.destroy();
  }
}

/** Undefined: a message that is too big. */
function told(messages: SocketMessages, chunk: Buffer): SocketMessage[] | undefined {
  try {
    return messages.push(chunk);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const goneCodes = [
  ...["ECONNRESET", "EPIPE", "ABORT_ERR"],
  ...["ERR_STREAM_PREMATURE_CLOSE", "ERR_STREAM_DESTROYED", "ERR_STREAM_WRITE_AFTER_END"],
];

/** One side has gone without a word. */
function isHangUp(error: unknown): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return goneCodes.includes(code);
}
