import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Listening } from "../../proxy/listen.ts";
import { startProxy } from "../helpers/proxy.ts";

let answer: (request: IncomingMessage, response: ServerResponse) => void;
const server = createServer((request, response) => answer(request, response));
server.on("upgrade", (_, socket) => {
  socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
  socket.pipe(socket);
});
let upstream = "";
let proxy: Listening;

beforeEach(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await proxy.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

/** The head of the answer to a request over the one kept connection, and its body's chunks as they come. */
async function get(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const sent = request(proxy.url + path, { agent, headers }).end();
  const [got] = (await once(sent, "response")) as [IncomingMessage];
  return got;
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}

it("a client's connection is kept from one answer to the next", async () => {
  proxy = await startProxy(upstream);
  answer = (_, response) => response.end("{}");
  const ports: (number | undefined)[] = [];
  for (let nth = 0; nth < 3; nth += 1) {
    const got = await get("/info");
    ports.push((got.socket as Socket).localPort);
    expect(got.headers.connection).toBe("keep-alive");
    await bytesOf(got);
  }
  expect(new Set(ports).size).toBe(1);
});

it.each([
  ["/", "/threads", "/threads"],
  ["/", "HOST/threads/x?y=1#z", "/threads/x?y=1#z"],
  ["/", "HOST", "/"],
  ["/", "https://elsewhere.example.com/threads", "https://elsewhere.example.com/threads"],
  ["/", "next", "next"],
  ["/base", "HOST/base/threads", "/threads"],
  ["/base", "HOST/basement", "HOST/basement"],
])("of a server at %s, the location %s is %s", async (base, location, expected) => {
  proxy = await startProxy(upstream + base);
  const absolute = (text: string) => text.replace("HOST", upstream);
  answer = (_, response) => response.writeHead(307, { location: absolute(location) }).end();
  const got = await get("/threads/");
  expect(got.headers.location).toBe(absolute(expected));
  await bytesOf(got);
});

it.each([
  ["POST", "/ui/agent", '<script src="URL/ui/agent/x.js">', '<script src="http://my.host:7/ui/agent/x.js">'],
  ["GET", "/.well-known/agent-card.json", '{"url":"URL/a2a/1"}', '{"url":"http://my.host:7/a2a/1"}'],
  ["GET", "/a2a/1/.well-known/agent-card.json", '{"url":"URL/a2a/1"}', '{"url":"http://my.host:7/a2a/1"}'],
  ["GET", "/threads/1", '{"url":"URL/a2a/1"}', '{"url":"URL/a2a/1"}'],
])("%s %s names the address by which the caller knows the server", async (method, path, body, expected) => {
  proxy = await startProxy(upstream);
  answer = (_, response) => response.end(body.replace("URL", upstream));
  const sent = request(proxy.url + path, { method, headers: { host: "my.host:7" } }).end();
  const [got] = (await once(sent, "response")) as [IncomingMessage];
  expect((await bytesOf(got)).toString()).toBe(expected.replace("URL", upstream));
});

const thread = "/threads/00000000-0000-4000-8000-000000000001";
it.each([
  ["GET", thread, 200],
  ["GET", `${thread}/state`, 200],
  ["GET", `${thread}/runs/00000000-0000-4000-8000-000000000002/stream`, 404],
  ["POST", `${thread}/commands`, 200],
  ["POST", "/ui/agent", 200],
])("%s %s: both cookies come, which a load balancer has set", async (method, path, status) => {
  proxy = await startProxy(upstream);
  const cookies = ["AWSALB=1; Expires=Wed, 1 Jan 2031 00:00:00 GMT", "AWSALBCORS=2; Path=/"];
  answer = ({ url = "" }, response) => {
    const isList = /\/runs(\?|$)/.test(url);
    response.writeHead(status, { "content-type": "application/json", "set-cookie": cookies });
    response.end(isList ? "[]" : "{}");
  };
  const sent = request(proxy.url + path, { method, headers: { "content-type": "application/json" } });
  sent.end(method === "POST" ? '{"id":1,"method":"run.start","params":{"assistant_id":"a"}}' : undefined);
  const [got] = (await once(sent, "response")) as [IncomingMessage];
  expect([got.statusCode, got.headers["set-cookie"]]).toEqual([status, cookies]);
  await bytesOf(got);
});

it("bytes come as they are sent, compressed ones, too, each as soon as it is there", async () => {
  proxy = await startProxy(upstream);
  const parts = [": heartbeat\r\n\r\n", "data: ö 🐉\n\n", gzipSync("more")].map((part) => Buffer.from(part));
  let respond!: ServerResponse;
  answer = (_, response) => {
    respond = response;
    response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" });
    response.flushHeaders();
  };
  const got = await get("/custom/stream", { "accept-encoding": "gzip" });
  expect(got.headers["content-encoding"]).toBe("gzip");
  for (const part of parts) {
    respond.write(part);
    const came = once(got, "data");
    got.resume();
    expect((await came)[0]).toEqual(part);
    got.pause();
  }
  respond.end();
  got.resume();
  await once(got, "end");
});

it("a WebSocket's frames pass untouched, both ways", async () => {
  proxy = await startProxy(upstream);
  const headers = { connection: "upgrade", upgrade: "websocket", "sec-websocket-protocol": "own" };
  const handshake = request(`${proxy.url}/threads/x/stream/events`, { headers }).end();
  const [, socket] = (await once(handshake, "upgrade")) as [IncomingMessage, Socket];
  const frames = Buffer.from([0x82, 0x03, 0x00, 0xff, 0x0a, 0x89, 0x00, 0x0d, 0x0a, 0x0d, 0x0a]);
  socket.write(frames);
  let echoed = Buffer.alloc(0);
  while (echoed.length < frames.length) echoed = Buffer.concat([echoed, (await once(socket, "data"))[0] as Buffer]);
  expect(echoed).toEqual(frames);
  socket.destroy();
});
