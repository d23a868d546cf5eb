import { type IncomingMessage, type ServerResponse, request as send } from "node:http";

export interface PassTo {
  /** Takes the answer instead of the client. */
  onAnswer?: () => void;
  /** Nobody listens there: nothing has been sent. */
  onRefused?: () => void;
}

/** Passes a request on to a server, over a connection of its own, and the answer back. Breaks off where the other side does. */
export function passTo(
  server: string,
  request: IncomingMessage,
  response: ServerResponse,
  { onAnswer, onRefused }: PassTo = {},
): void {
  const { connection: _ours, ...headers } = request.headers;
  const { method } = request;
  const passed = send(new URL(request.url ?? "/", server), { method, headers, agent: false });
  passed.once("response", (answer) => {
    if (onAnswer) return onAnswer();
    const { connection: _theirs, "keep-alive": _time, ...own } = answer.headers;
    response.writeHead(answer.statusCode ?? 502, own);
    response.flushHeaders();
    answer.pipe(response);
    answer.once("error", () => response.destroy());
  });
  passed.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "ECONNREFUSED" && onRefused) onRefused();
    else response.destroy();
  });
  response.once("close", () => passed.destroy());
  // Only once it is connected: what was refused can then be sent elsewhere.
  passed.once("socket", (socket) => socket.once("connect", () => request.pipe(passed)));
}
