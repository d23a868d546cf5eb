import { WebSocket } from "undici";
import { type Gate, gate } from "./gate.ts";

/** What comes over a v2 socket. */
export interface Heard {
  type: string;
  id?: number;
  result?: { run_id?: string };
  error?: string;
  method?: string;
  params?: unknown;
}

/** A client of the v2 protocol over a WebSocket. */
export interface V2Socket {
  /** Sends a command; resolves to what it is answered. */
  ask(method: string, params: unknown): Promise<Heard>;
  /** As it is. */
  sendText(text: string | Uint8Array): void;
  heard: Heard[];
  close(): void;
  closed: Promise<number>;
}

/** Opens the socket of a thread, and subscribes to its messages and values. */
export async function openV2Socket(
  url: string,
  threadId: string,
  headers: Record<string, string> = {},
): Promise<V2Socket> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/threads/${threadId}/stream/events`, { headers });
  const answers = new Map<number, Gate<Heard>>();
  const heard: Heard[] = [];
  const closed = gate<number>();
  socket.addEventListener("message", ({ data }) => {
    const one = JSON.parse(String(data)) as Heard;
    heard.push(one);
    if (one.type !== "event") answers.get(one.id ?? -1)?.open(one);
  });
  socket.addEventListener("close", ({ code }) => closed.open(code));
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`No socket at ${url}`)));
  });
  let last = 0;
  return {
    heard,
    ask(method, params) {
      last += 1;
      const answer = gate<Heard>();
      answers.set(last, answer);
      socket.send(JSON.stringify({ id: last, method, params }));
      return answer.opened;
    },
    sendText: (text) => socket.send(text),
    close: () => socket.close(),
    closed: closed.opened,
  };
}
