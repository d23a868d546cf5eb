import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { type Duplex, PassThrough } from "node:stream";
import Koa from "koa";
import { expect, it, vi } from "vitest";
import { listen } from "../../proxy/listen.ts";
import { type Gate, gate } from "../helpers/gate.ts";

/** A replica whose only request waits at a gate: before its answer begins, or in the middle of it. */
async function replica(begun: boolean) {
  const there: Gate = gate();
  const release: Gate = gate();
  const koa = new Koa();
  koa.use(async (ctx) => {
    const body = new PassThrough();
    if (!begun) there.open();
    if (!begun) await release.opened;
    ctx.body = body;
    ctx.flushHeaders();
    if (begun) there.open();
    if (begun) await release.opened;
    body.end("all of it");
  });
  const upgrade = async (_: IncomingMessage, socket: Duplex) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
  };
  const app = {
    koa,
    upgrade,
    retire: () => undefined,
    idle: async () => undefined,
    close: () => undefined,
    end: vi.fn(),
  };
  return { listening: await listen(app, "127.0.0.1", 0), there, release, end: app.end };
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function get(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, resolve).once("error", reject).end();
  });
}

it.each([
  { when: "in the middle of an answer", begun: true },
  { when: "before an answer begins", begun: false },
])("a replica told to end $when ends with it, though the connection would be kept", async ({ begun }) => {
  const { listening, there, release, end } = await replica(begun);
  const answered = get(listening.url);
  await there.opened;
  const closed = listening.close(60_000);
  // What looks after the runs that stream here goes on as long as they do.
  expect(end).not.toHaveBeenCalled();
  release.open();
  const answer = await answered;
  expect(answer.headers.connection).toBe(begun ? "keep-alive" : "close");
  let text = "";
  for await (const chunk of answer) text += chunk;
  expect(text).toBe("all of it");
  await closed;
  expect(end).toHaveBeenCalledOnce();
  await expect(get(listening.url)).rejects.toThrow();
});

it("a replica told to end ends its WebSockets, too", async () => {
  const { listening } = await replica(false);
  const handshake = request(listening.url, { headers: { connection: "upgrade", upgrade: "websocket" } }).end();
  const [, socket] = (await once(handshake, "upgrade")) as [IncomingMessage, Duplex];
  const ended = once(socket, "close");
  await listening.close(0);
  await ended;
  expect(socket.destroyed).toBe(true);
});
