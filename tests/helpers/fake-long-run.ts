import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A part of its stream: when it was made, in milliseconds since 1970, and what it says. */
export interface Said {
  at: number;
  event: string;
  data: unknown;
}

/**
 * A Python server with one run on one thread, as far as snapshots look at
 * either: what it has streamed is what the test says, and it fails where the
 * test says so.
 */
export interface FakeLongRun {
  url: string;
  /** As `METHOD path`, with `run` and `thread` for their ids. */
  requests: string[];
  /** Whom the last one to each path said they were. */
  callers: Map<string, string | undefined>;
  run: { status: string; created_at: string; updated_at: string; kwargs: Record<string, unknown> };
  /** A newer run on the thread. */
  newer?: { run_id: string; status: string; created_at: string };
  state: { values: unknown; next: string[]; metadata?: unknown; created_at: string };
  store: Map<string, { sealed: string }>;
  /** Statuses that paths answer with instead: `store`, `state`, `run`, `stream`. */
  fails: Map<string, (caller: string | undefined) => number | undefined>;
  /** What comes of an item's being put, before it is answered. */
  onPut?: () => Promise<void>;
  /** What the stream waits for before its first part. */
  beforeFirst?: Promise<void>;
  /** Milliseconds between heartbeats; 0 = none. */
  heartbeat: number;
  /** How far its clock is ahead, in milliseconds. */
  ahead: number;
  parts: Said[];
  say(event: string, data: unknown, at?: number): void;
  /** The run has ended so; its streams end, too. */
  end(status: string): void;
  close(): Promise<void>;
}

export const ids = { thread: "11111111-1111-4111-8111-111111111111", run: "22222222-2222-4222-8222-222222222222" };

/** The run carries this as the key of its snapshots. */
export const key = Buffer.alloc(32, 7).toString("base64url");

export async function startFakeLongRun(age = 0): Promise<FakeLongRun> {
  const open = new Set<ServerResponse>();
  const created_at = new Date(Date.now() - age).toISOString();
  const carried = { modes: ["messages-tuple"], added: [], key };
  const server = createServer((request, response) => {
    const { method, url = "" } = request;
    const path = (url.split("?")[0] as string).replace(ids.thread, "thread").replace(ids.run, "run");
    const caller = request.headers.authorization;
    const called = `${method} ${path}`;
    fake.requests.push(called);
    fake.callers.set(called, caller);
    const kind = path.startsWith("/store") ? "store" : path.endsWith("/state") ? "state" : path.split("/").at(-1);
    const status = fake.fails.get(kind === "runs" ? "list" : String(kind))?.(caller);
    const answer = (body: unknown) =>
      response.writeHead(200, { "content-type": "application/json", date: date() }).end(JSON.stringify(body));
    if (status) return response.writeHead(status).end('{"detail":"no"}');
    let sent = "";
    request.on("data", (chunk) => {
      sent += chunk;
    });
    request.on("end", async () => {
      if (path === "/info") return answer({ langgraph_py_version: "1" });
      if (path === "/threads/thread/runs/run/stream") return stream(response, String(request.headers["last-event-id"]));
      if (path === "/threads/thread/runs/run") return answer({ run_id: ids.run, thread_id: ids.thread, ...fake.run });
      if (path === "/threads/thread/runs")
        return answer([{ run_id: ids.run, ...fake.run }, fake.newer].filter(Boolean));
      if (path === "/threads/thread/state") return answer({ tasks: [], ...fake.state });
      if (method === "GET") {
        const item = fake.store.get(ids.run);
        return item ? answer({ key: ids.run, value: item }) : response.writeHead(404).end("{}");
      }
      if (method === "PUT") {
        await fake.onPut?.();
        fake.store.set(ids.run, JSON.parse(sent).value);
      }
      if (method === "DELETE") fake.store.delete(ids.run);
      response.writeHead(204).end();
    });
  });
  const date = () => new Date(Date.now() + fake.ahead).toUTCString();
  const write = (response: ServerResponse, { at, event, data }: Said) =>
    response.write(`event: ${event}\r\ndata: ${JSON.stringify(data)}\r\nid: ${at}-0\r\n\r\n`);

  async function stream(response: ServerResponse, lastEventId: string) {
    response.writeHead(200, { "content-type": "text/event-stream", date: date() });
    response.flushHeaders();
    const beats = fake.heartbeat ? setInterval(() => response.write(": heartbeat\r\n\r\n"), fake.heartbeat) : undefined;
    response.once("close", () => {
      clearInterval(beats);
      open.delete(response);
    });
    await fake.beforeFirst;
    for (const part of fake.parts) if (`${part.at}-0` > lastEventId) write(response, part);
    if (fake.run.status === "running") open.add(response);
    else response.end();
  }

  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const fake: FakeLongRun = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    callers: new Map(),
    run: {
      status: "running",
      created_at,
      updated_at: created_at,
      kwargs: {
        resumable: true,
        stream_mode: ["messages-tuple"],
        config: { configurable: { __fermata_added: carried } },
      },
    },
    state: { values: { messages: [] }, next: ["agent"], created_at },
    store: new Map(),
    fails: new Map(),
    heartbeat: 200,
    ahead: 0,
    parts: [],
    say(event, data, at = Date.now() + fake.ahead) {
      const part = { at, event, data };
      fake.parts.push(part);
      for (const response of open) write(response, part);
    },
    end(status) {
      fake.run.status = status;
      fake.run.updated_at = new Date(Date.now() + fake.ahead).toISOString();
      for (const response of open) response.end();
    },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
  return fake;
}

/** A token of one reply. */
export const token = (content: string, id = "m1") => [
  { type: "AIMessageChunk", id, content },
  { langgraph_checkpoint_ns: "agent:t1" },
];
