import { request } from "node:http";
import { comparable, type Exchange } from "./exchange.ts";

/** A request as it goes over the wire. */
export interface Raw {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** Sends it and reads the answer to its end, byte for byte; nothing is decoded, no redirect followed. */
export function raw(base: string, { method = "GET", path, headers = {}, body }: Raw): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const sent = request(base + path, { method, headers: { ...length, ...headers }, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const named = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]);
        resolve({
          request: `${method} ${path}`,
          status: answer.statusCode ?? 0,
          headers: comparable(named),
          body: Buffer.concat(chunks).toString("latin1"),
        });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
