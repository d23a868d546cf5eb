import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setImmediate as immediate } from "node:timers/promises";

/** Passes everything on to `target`, and what comes back in pieces, torn inside of characters. */
export async function startTearingRelay(target: string): Promise<{ url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: new URL(target).hostname, port: Number(new URL(target).port), noDelay: true });
    for (const socket of [client.setNoDelay(), upstream]) sockets.add(socket.on("error", () => socket.destroy()));
    client.pipe(upstream);
    tear(upstream, client).catch(() => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function tear(from: Socket, to: Socket): Promise<void> {
  for await (const bytes of from as AsyncIterable<Buffer>) {
    let start = 0;
    for (const [at, byte] of bytes.entries()) {
      // The first byte of a character of several.
      if (byte < 0xc0) continue;
      to.write(bytes.subarray(start, at + 1));
      start = at + 1;
      await immediate();
    }
    to.write(bytes.subarray(start));
  }
  to.end();
}
