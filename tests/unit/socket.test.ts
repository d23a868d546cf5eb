import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { asFrame } from "../../proxy/socket/messages.ts";
import { gate } from "../helpers/gate.ts";
import { startProxy } from "../helpers/proxy.ts";

const path = "/threads/00000000-0000-4000-8000-000000000001/stream/events";
const closing: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A server that knows no path but one, and whose socket hands over what it gets, as bytes. */
async function upstream() {
  const opened = gate<{ socket: Duplex; headers: Record<string, unknown> }>();
  const server = createServer((_request, response) => response.writeHead(404).end("Not Found"));
  server.on("upgrade", ({ headers }, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    opened.open({ socket, headers });
    closing.push(() => socket.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closing.push(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, opened: opened.opened };
}

async function through() {
  const server = await upstream();
  const proxy = await startProxy(server.url, { BODY_LIMIT: "1000" });
  const client = await new Promise<Duplex>((resolve, reject) => {
    const headers = {
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-extensions": "permessage-deflate",
      "sec-websocket-protocol": "token.abc",
    };
    const handshake = request(proxy.url + path, { headers, agent: false });
    handshake.once("upgrade", (_answer, socket) => resolve(socket)).once("error", reject);
    handshake.end();
  });
  closing.push(() => client.destroy());
  return { proxy, client, ...(await server.opened) };
}

async function read(socket: Duplex, length: number): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const chunk: Buffer | null = socket.read();
    if (chunk) bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length >= length || socket.readableEnded) return bytes;
    await new Promise((resolve) => socket.once("readable", resolve).once("end", resolve));
  }
}

describe("a v2 socket", () => {
  it("carries every frame as it is and in order, both ways", async () => {
    const { client, socket, headers } = await through();
    // Half a text, a ping, its other half; bytes that are no JSON; an empty text.
    const fragments = [asFrame(1, Buffer.from('{"method":')), asFrame(9, Buffer.from("ping"))];
    (fragments[0] as Buffer)[0] = 1;
    const rest = [asFrame(0, Buffer.from('"x"}')), asFrame(2, Buffer.from([0, 255, 1])), asFrame(1, Buffer.alloc(0))];
    const sent = Buffer.concat([...fragments, ...rest]);
    for (const byte of sent) client.write(Buffer.from([byte]));
    const got = await read(socket, sent.length);
    expect(got).toEqual(Buffer.concat([fragments[1], fragments[0], ...rest] as Buffer[]));
    socket.write(sent);
    expect(await read(client, sent.length)).toEqual(got);
    // What is compressed could not be looked into; all else of the handshake is the client's.
    expect(headers).not.toHaveProperty("sec-websocket-extensions");
    expect(headers).toMatchObject({ "sec-websocket-protocol": "token.abc" });
  });

  it("is closed with 1009 after a message that is larger than a body may be", async () => {
    const { client } = await through();
    client.write(asFrame(1, Buffer.alloc(1001)));
    expect(await read(client, 4)).toEqual(Buffer.from([0x88, 2, 0x03, 0xf1]));
  });

  it("ends where one side ends", async () => {
    const { client, socket } = await through();
    socket.resume();
    const ended = new Promise((resolve) => socket.once("end", resolve).once("close", resolve));
    client.destroy();
    await ended;
  });

  it("does not keep a replica from ending", async () => {
    const { proxy, client } = await through();
    client.resume();
    const ended = new Promise((resolve) => client.once("close", resolve));
    await proxy.close();
    await ended;
  });
});

it("a run that can't be started is said so on the socket", async () => {
  const { client } = await through();
  client.write(asFrame(1, Buffer.from('{"id":7,"method":"run.start","params":{"multitaskStrategy":"interrupt"}}')));
  const answer = (await read(client, 20)).subarray(2).toString();
  expect(answer).toContain('"type":"error"');
  expect(answer).toContain('"id":7');
});
