import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { FrameSplitter } from "../../proxy/sse/frames.ts";
import type { Gate } from "./gate.ts";

/** One request at a server that misbehaves, and what can be done with it. */
export interface Exchange {
  response: ServerResponse;
  /** Has the real server carry it out; resolves to its answer, of which nothing is passed on yet. */
  carryOut(): Promise<IncomingMessage>;
  /** Refuses connections and closes those there are. */
  leave(): void;
}

/** What a server does to a request instead of answering it well. */
export type Fault = (exchange: Exchange) => Promise<void>;

/** None: carries it out, and passes the answer on as it comes. Resolves when it has been sent. */
export const passedOn: Fault = async ({ response, carryOut }) => {
  const answer = await carryOut();
  response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
  for await (const chunk of answer) response.write(chunk);
  await new Promise<void>((sent) => void response.end(sent));
};

/** Answers with an error, as a server does that has caught its own: with a stack trace. */
export const answering =
  (status: number): Fault =>
  async ({ response }) => {
    response.writeHead(status, { "content-type": "text/plain" });
    response.end(`Trouble\n    at handler (/srv/secret.js:1:1)`);
  };

/** Answers that it is asked too often, and when to come again, in seconds. */
export const busyFor =
  (seconds: number): Fault =>
  async ({ response }) => {
    response.writeHead(429, { "content-type": "text/plain", "retry-after": String(seconds) });
    response.end("Too many requests");
  };

/** Says nothing for so long, in milliseconds, and only then carries it out, whether or not anybody still waits. */
export const silent =
  (milliseconds: number): Fault =>
  async (exchange) => {
    await delay(milliseconds, undefined, { ref: false });
    await passedOn(exchange);
  };

/** Waits at the gate, and only then carries it out. */
export const held =
  ({ opened }: Gate): Fault =>
  async (exchange) => {
    await opened;
    await passedOn(exchange);
  };

/** Carries it out, but the answer waits at the gate. */
export const heldBack =
  ({ opened }: Gate): Fault =>
  async (exchange) => {
    const carryOut = async () => {
      const answer = await exchange.carryOut();
      await opened;
      return answer;
    };
    await passedOn({ ...exchange, carryOut });
  };

/** Closes the connection, and carries out nothing. */
export const dropped: Fault = async ({ response }) => {
  response.destroy();
};

/** Carries it out, and closes the connection instead of answering. */
export const lost: Fault = async ({ response, carryOut }) => {
  (await carryOut()).resume().once("end", () => response.destroy());
};

/** Carries it out and sends the head of the answer, then nothing more. */
export const stalled: Fault = async ({ response, carryOut }) => {
  const answer = await carryOut();
  response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
  answer.resume();
};

/** Carries it out and sends the first half of the answer, then closes the connection. */
export const torn: Fault = async ({ response, carryOut }) => {
  const answer = await carryOut();
  const body: Buffer[] = [];
  for await (const chunk of answer) body.push(chunk as Buffer);
  const whole = Buffer.concat(body);
  response.writeHead(answer.statusCode ?? 502, { ...answer.headers, "content-length": whole.length });
  response.write(whole.subarray(0, whole.length >> 1), () => response.destroy());
};

/** Carries it out, answers, and is gone. */
export const answeredBeforeLeaving: Fault = async (exchange) => {
  await passedOn(exchange);
  exchange.leave();
};

/** Is gone before it has carried it out. */
export const leaving: Fault = async ({ leave }) => leave();

/** Closes the connection after so many frames of the stream, in the middle of the next. */
export const cutAfter =
  (frames: number): Fault =>
  async ({ response, carryOut }) => {
    const answer = await carryOut();
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    const splitter = new FrameSplitter();
    let left = frames;
    for await (const chunk of answer) {
      for (const { bytes } of splitter.push(chunk as Buffer)) {
        if (left > 0) response.write(bytes);
        else return void response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
        left -= 1;
      }
    }
    response.destroy();
  };

/** Answers with a stream that ends at once. */
export const withoutAPart: Fault = async ({ response }) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end();
};
