import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { WebSocket } from "undici";
import { expect, inject, it } from "vitest";
import { useFlow } from "../helpers/flow.ts";
import { type Gate, gate } from "../helpers/gate.ts";
import { raw } from "./raw.ts";

const flow = useFlow();
const langgraphUrl = inject("langgraphUrl");
const isPython = inject("server") === "python";

/** A stream as it comes over the wire. */
interface Wire {
  text(): string;
  /** Resolves when this has come. */
  came(words: string): Promise<void>;
  ended: Promise<void>;
}

/** Starts a run and reads its stream, without a client. */
function open(base: string, path: string, body: unknown): Wire {
  let text = "";
  const awaited = new Map<string, Gate>();
  const ended = gate();
  const headers = { "content-type": "application/json" };
  const sent = request(base + path, { method: "POST", headers, agent: false }, (answer) => {
    answer.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      for (const [words, shown] of awaited) if (text.includes(words)) shown.open();
    });
    answer.on("end", () => ended.open());
  });
  sent.end(JSON.stringify(body));
  const came = (words: string) => {
    const shown = gate();
    awaited.set(words, shown);
    if (text.includes(words)) shown.open();
    return shown.opened;
  };
  return { text: () => text, came, ended: ended.opened };
}

/** The same run on each side, held in the middle of its reply. */
async function held(base: string) {
  const prompt = `hold ${randomUUID()}`;
  const script = flow.model.script(prompt, { text: ["Once ", "upon ", "a time."], holdAfter: 2 });
  const { thread_id: threadId } = await flow.direct.threads.create();
  const wire = open(base, `/threads/${threadId}/runs/stream`, {
    assistant_id: "react",
    input: { messages: [{ role: "user", content: prompt }] },
    stream_mode: ["messages-tuple"],
    stream_resumable: true,
  });
  return { wire, threadId, call: await script.call(0) };
}

/** Each frame's lines by what they are; how often an event comes in a row, or a heartbeat, is the moment's. */
const shape = (text: string) => {
  const lines = text.split("\n").map((line) => line.replace(/^(event: [a-z]+|data:|id:|: heartbeat).*?(\r?)$/, "$1$2"));
  return [...new Set(lines.join("\n").split(/(?<=\n\r?\n)/))];
};

it("frames come one by one, line ends and heartbeats as the server sends them", async () => {
  const sides = await Promise.all([held(langgraphUrl), held(flow.proxy.url)]);
  for (const { wire, call } of sides) {
    await wire.came('"upon "');
    // The reply is not over, so nothing was kept back until it was.
    expect(wire.text()).not.toContain("a time.");
    if (isPython) await wire.came(": heartbeat\r\n");
    call.release();
    await wire.ended;
  }
  const [direct, through] = sides.map(({ wire }) => wire.text());
  expect(shape(through ?? "")).toEqual(shape(direct ?? ""));
  expect(/\r\n/.test(through ?? "")).toBe(isPython);
});

it("a stream is taken up after the last event's id, by its own ids or the server's", async () => {
  const { wire, threadId, call } = await held(flow.proxy.url);
  call.release();
  await wire.ended;
  const frames = wire
    .text()
    .split(/(?<=\n\r?\n)/)
    .filter((frame) => /^event: messages/m.test(frame));
  const [run] = await flow.direct.runs.list(threadId);
  const path = `/threads/${threadId}/runs/${run?.run_id}/stream`;
  for (const [nth, frame] of frames.entries()) {
    const id = /^id: (.*?)\r?$/m.exec(frame)?.[1] ?? "";
    const rest = await raw(flow.proxy.url, { path, headers: { "last-event-id": id } });
    const direct = await raw(langgraphUrl, { path, headers: { "last-event-id": id } });
    expect(rest.status).toBe(200);
    // What others have the same id, in Python's memory, a join leaves out.
    const later = frames.slice(nth + 1).filter((other) => !other.includes(`id: ${id}`));
    for (const other of later) expect(rest.body).toContain(Buffer.from(other).toString("latin1"));
    expect(direct.body).toContain(rest.body.split(/\r?\n/)[0]);
  }
});

it("a WebSocket's messages are the server's own, those that make no sense included", async () => {
  const talk = async (base: string) => {
    const { thread_id: threadId } = await flow.direct.threads.create();
    const heard: string[] = [];
    const answered = gate();
    const socket = new WebSocket(`${base.replace("http", "ws")}/threads/${threadId}/stream/events`);
    socket.addEventListener("open", () => {
      socket.send("{nonsense");
      socket.send('{"id":1,"method":"no such command, ö 🐉"}');
    });
    socket.addEventListener("message", ({ data }) => {
      heard.push(String(data).replaceAll(threadId, "<thread>"));
      if (heard.length === 2) answered.open();
    });
    await answered.opened;
    socket.close();
    return heard;
  };
  const [direct, through] = await Promise.all([talk(langgraphUrl), talk(flow.proxy.url)]);
  expect(through).toEqual(direct);
});
