import { createServer, type IncomingMessage, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import { type Frame, FrameSplitter } from "../../proxy/sse/frames.ts";

/** A LangGraph server as on the hosted platform: it forgets what it has streamed. */
export interface ForgetfulUpstream {
  url: string;
  /** Requests that have come, as `METHOD path`. */
  requests: string[];
  /** The store answers with this status from now on, to everybody or to these callers. */
  refuseStore(status: number, isMeant?: (authorization: string | undefined) => boolean): void;
  close(): Promise<void>;
}

/** Between two heartbeats there, in milliseconds: about as a window of two minutes has them every five seconds. */
const heartbeat = 300;

/** What is read again: a run, a thread, and its events of the v2 protocol. */
const replays = [
  /^GET \/threads\/[^/]+\/runs\/[^/]+\/stream/,
  /^GET \/threads\/[^/]+\/stream/,
  /^POST \/threads\/[^/]+\/stream\/events/,
];

/**
 * A shim in front of a server whose events carry milliseconds. A replay
 * leaves out every event that is older than `window` milliseconds, and
 * everything once the run has been silent for so long. WebSockets pass as they are.
 */
export async function startForgetful(upstream: string, window: number): Promise<ForgetfulUpstream> {
  const requests: string[] = [];
  let storeAnswers: (request: IncomingMessage) => number | undefined = () => undefined;
  const server = createServer((incoming, outgoing) => {
    const { method = "GET", url = "/" } = incoming;
    requests.push(`${method} ${url.split("?")[0]}`);
    const refusal = url.startsWith("/store/") && storeAnswers(incoming);
    if (refusal) return outgoing.writeHead(refusal).end('{"detail":"no store for you"}');
    const isReplay = replays.some((path) => path.test(`${method} ${url}`));
    const passed = request(upstream + url, { method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      const isStream = String(answer.headers["content-type"]).startsWith("text/event-stream");
      if (!isReplay || !isStream) return answer.pipe(outgoing);
      outgoing.flushHeaders();
      const alive = setInterval(() => outgoing.write(": heartbeat\r\n\r\n"), heartbeat);
      outgoing.once("close", () => clearInterval(alive));
      const splitter = new FrameSplitter();
      answer.on("data", (chunk: Buffer) => {
        const kept = splitter.push(chunk).filter((frame) => isKept(frame, window));
        for (const { bytes } of kept) outgoing.write(bytes);
      });
      answer.on("end", () => {
        clearInterval(alive);
        outgoing.end();
      });
      return answer.on("error", () => outgoing.destroy());
    });
    passed.on("error", () => outgoing.destroy());
    outgoing.on("close", () => passed.destroy());
    return incoming.pipe(passed);
  });
  const sockets = new Set<Duplex>();
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    requests.push(`${incoming.method} ${incoming.url?.split("?")[0]}`);
    const { hostname, port } = new URL(upstream);
    const onward = connect(Number(port), hostname, () => {
      onward.write(headOf(incoming));
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const [one, other] of [[socket, onward] as const, [onward, socket] as const]) {
      sockets.add(one);
      one.once("close", () => other.destroy()).once("error", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    refuseStore(status, isMeant = () => true) {
      storeAnswers = ({ headers }) => (isMeant(headers.authorization) ? status : undefined);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Events say when they were made: in their id, or, of the v2 protocol, beside their data. */
function isKept({ id, comment, bytes }: Frame, window: number): boolean {
  if (comment || id === undefined) return true;
  const [, time] = /^(\d{13})-\d+$/.exec(id) ?? /"timestamp":(\d{13})\b/.exec(bytes.toString("utf8")) ?? [];
  return time === undefined || Number(time) > Date.now() - window;
}

function headOf({ method, url, rawHeaders }: IncomingMessage): string {
  const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? `${name}: ${rawHeaders[at + 1]}` : []));
  return [`${method} ${url} HTTP/1.1`, ...lines, "", ""].join("\r\n");
}
