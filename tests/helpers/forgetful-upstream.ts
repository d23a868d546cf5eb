import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { FrameSplitter } from "../../proxy/sse/frames.ts";

/** A LangGraph server as on the hosted platform: it forgets what it has streamed. */
export interface ForgetfulUpstream {
  url: string;
  /** Requests that have come, as `METHOD path`. */
  requests: string[];
  /** The store answers 403 from now on. */
  refuseStore(): void;
  close(): Promise<void>;
}

/**
 * A shim in front of a server whose event ids carry milliseconds. A replay
 * leaves out every event that is older than `window` milliseconds, and
 * everything once the run has been silent for so long.
 */
export async function startForgetful(upstream: string, window: number): Promise<ForgetfulUpstream> {
  const requests: string[] = [];
  let refuses = false;
  const server = createServer((incoming, outgoing) => {
    const { method = "GET", url = "/" } = incoming;
    requests.push(`${method} ${url.split("?")[0]}`);
    if (refuses && url.startsWith("/store/")) return outgoing.writeHead(403).end('{"detail":"no store for you"}');
    const isReplay = method === "GET" && /\/runs\/[^/]+\/stream/.test(url);
    const passed = request(upstream + url, { method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      if (!isReplay) return answer.pipe(outgoing);
      const splitter = new FrameSplitter();
      answer.on("data", (chunk: Buffer) => {
        const kept = splitter.push(chunk).filter(({ id }) => id === undefined || isKept(id, window));
        for (const { bytes } of kept) outgoing.write(bytes);
      });
      answer.on("end", () => outgoing.end());
      return answer.on("error", () => outgoing.destroy());
    });
    passed.on("error", () => outgoing.destroy());
    outgoing.on("close", () => passed.destroy());
    return incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    refuseStore() {
      refuses = true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const isKept = (id: string, window: number) => Number(id.split("-")[0]) > Date.now() - window;
