import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** Passes requests on and counts them; `onRequest` is told of each as it comes. */
export interface CountingShim {
  url: string;
  requests(): number;
  close(): Promise<void>;
}

export async function startCounting(
  upstream: string,
  onRequest: (method: string | undefined, url: string) => void = () => undefined,
): Promise<CountingShim> {
  let count = 0;
  const server = createServer((incoming, outgoing) => {
    count += 1;
    const { method, url = "/", headers } = incoming;
    onRequest(method, url);
    const passed = request(upstream + url, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    outgoing.on("close", () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => count,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
