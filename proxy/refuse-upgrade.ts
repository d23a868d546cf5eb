import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { ProxyError } from "./errors.ts";

/** Answers a WebSocket handshake with an error, as any other request. */
export function refuseUpgrade(socket: Duplex, error: ProxyError): void {
  const body = JSON.stringify(error);
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    "connection: close",
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  // The server listens to it no longer: an error of whoever has gone meanwhile would end the process.
  socket.on("error", () => socket.destroy());
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
