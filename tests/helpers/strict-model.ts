import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay, setImmediate as immediate } from "node:timers/promises";
import { type Gate, gate } from "./gate.ts";
import { type OpenAIMessage, openaiViolations } from "./openai-rules.ts";

/** What the model says in one call. Tokens go out one SSE chunk each, in order: reasoning, text, calls. */
export interface Reply {
  reasoning?: string[];
  text?: string[];
  calls?: { id: string; name: string; args: string[] }[];
  /** Pause after so many chunks, until released or hung up. */
  holdAfter?: number;
  /** Milliseconds between chunks. */
  pace?: number;
}

/** One call that the model got. */
export interface Call {
  messages: OpenAIMessage[];
  /** Opens when `holdAfter` chunks have gone out. */
  held: Gate;
  /** Opens when the connection is closed; `early` = before the reply was complete. */
  closed: Gate<{ early: boolean; at: number }>;
  release(): void;
}

/** A script: the replies to one prompt, in the order of the agent's steps, and the calls that took them. */
export interface Script {
  calls: Call[];
  /** The nth call (from 0), as soon as it has come in. */
  call(index: number): Promise<Call>;
}

/** An OpenAI-compatible model that says what tests tell it, and answers 400 to what OpenAI would reject. */
export interface StrictModel {
  url: string;
  /** Sets what is said to a prompt: the exact text of the last user message, or `speaker: text` with the system prompt's first line. */
  script(prompt: string, ...replies: Reply[]): Script;
  /** What is said to a prompt without a script. */
  improvise?: (request: ChatRequest) => Reply;
  /** What the probe tool is told under this name; `undefined` = when the test says so. */
  probe(name: string, answer?: string): Probe;
  /** Histories that were rejected, with the reasons. */
  rejected: { messages: OpenAIMessage[]; violations: string[] }[];
  close(): Promise<void>;
}

/** What the model is asked. */
export interface ChatRequest {
  messages: OpenAIMessage[];
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  tools?: { function: { name: string } }[];
}

/** The runs of the probe tool under one name. */
export interface Probe {
  started: Gate;
  /** The tool's connection was closed before it had its answer. */
  hungUp: Gate;
  answer(text: string): void;
  /** The tool throws. */
  fail(): void;
  /** When it happened, by `performance.now()`. */
  startedAt?: number;
  answeredAt?: number;
  hungUpAt?: number;
}

/** Said: the text, or nothing where the probe fails. */
type Answerable = Probe & { said: Gate<string | undefined> };

interface Scripted extends Script {
  replies: Reply[];
  arrivals: Map<number, Gate<Call>>;
}

/** On the given port, or on any free one. */
export async function startStrictModel(port = 0): Promise<StrictModel> {
  const scripts = new Map<string, Scripted>();
  const probes = new Map<string, Answerable>();
  const openProbe = (name: string) => {
    const said = gate<string | undefined>();
    const fail = () => said.open(undefined);
    const probe = probes.get(name) ?? { started: gate(), hungUp: gate(), said, answer: said.open, fail };
    probes.set(name, probe);
    return probe;
  };
  const server = createServer((request, response) => {
    const probed = /^\/probe\/(.*)$/.exec(request.url ?? "")?.[1];
    if (probed) void answerProbe(openProbe(decodeURIComponent(probed)), response);
    else answer(request, response, scripts, model).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const model: StrictModel = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    rejected: [],
    probe(name, text) {
      const probe = openProbe(name);
      if (text !== undefined) probe.answer(text);
      return probe;
    },
    script(prompt, ...replies) {
      const arrivals = new Map<number, Gate<Call>>();
      const script: Scripted = {
        replies,
        arrivals,
        calls: [],
        call(index) {
          const arrival = arrivals.get(index) ?? gate<Call>();
          arrivals.set(index, arrival);
          return arrival.opened;
        },
      };
      scripts.set(prompt, script);
      return script;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return model;
}

async function answerProbe(probe: Answerable, response: ServerResponse): Promise<void> {
  probe.startedAt ??= performance.now();
  probe.started.open();
  response.once("close", () => {
    if (response.writableFinished) return;
    probe.hungUpAt ??= performance.now();
    probe.hungUp.open();
  });
  const text = await probe.said.opened;
  if (response.destroyed) return;
  if (text === undefined) response.statusCode = 500;
  response.end(text ?? "It does not work.", () => {
    probe.answeredAt = performance.now();
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  scripts: Map<string, Scripted>,
  { rejected, improvise }: StrictModel,
): Promise<void> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const chat = JSON.parse(body) as ChatRequest;
  const { messages, stream, stream_options } = chat;
  const violations = openaiViolations(messages);
  if (violations.length > 0) {
    rejected.push({ messages, violations });
    return refuse(response, violations.join(" "));
  }
  const prompt = textOf(messages.findLast((message) => message.role === "user")?.content);
  const [speaker] = textOf(messages.find((message) => message.role === "system")?.content).split("\n");
  const found = scripts.get(`${speaker}: ${prompt}`) ?? scripts.get(prompt);
  if (!found && !improvise) return refuse(response, `No script for ${speaker}: ${prompt}`);
  const script: Pick<Scripted, "replies" | "arrivals" | "calls"> = found ?? {
    replies: [improvise?.(chat) ?? {}],
    arrivals: new Map(),
    calls: [],
  };
  const reply = script.replies[script.calls.length] ?? script.replies.at(-1) ?? {};
  const release = gate();
  const call: Call = { messages, held: gate(), closed: gate(), release: () => release.open() };
  script.calls.push(call);
  const arrival = script.arrivals.get(script.calls.length - 1) ?? gate<Call>();
  script.arrivals.set(script.calls.length - 1, arrival);
  let complete = false;
  response.once("close", () => {
    call.closed.open({ early: !complete, at: performance.now() });
    release.open();
  });
  arrival.open(call);
  if (!stream) return refuse(response, "This model only streams.");
  response.writeHead(200, { "content-type": "text/event-stream" });
  const id = `chatcmpl-${randomUUID()}`;
  const chunkOf = (choice: Record<string, unknown>) => frameOf(id, [{ index: 0, ...choice }]);
  response.write(chunkOf({ delta: { role: "assistant", content: "" }, finish_reason: null }));
  const deltas = [...deltasOf(reply)];
  for (const [sent, delta] of deltas.entries()) {
    if (sent === reply.holdAfter) {
      call.held.open();
      await release.opened;
    }
    if (response.destroyed) return;
    response.write(chunkOf({ delta, finish_reason: null }));
    await (reply.pace ? delay(reply.pace) : immediate());
  }
  if (reply.holdAfter === deltas.length) {
    call.held.open();
    await release.opened;
    if (response.destroyed) return;
  }
  complete = true;
  response.write(chunkOf({ delta: {}, finish_reason: reply.calls?.length ? "tool_calls" : "stop" }));
  if (stream_options?.include_usage) {
    response.write(
      frameOf(id, [], { prompt_tokens: 1, completion_tokens: deltas.length, total_tokens: deltas.length + 1 }),
    );
  }
  response.end("data: [DONE]\n\n");
}

function* deltasOf(reply: Reply): Generator<Record<string, unknown>> {
  for (const token of reply.reasoning ?? []) yield { reasoning_content: token };
  for (const token of reply.text ?? []) yield { content: token };
  for (const [index, call] of (reply.calls ?? []).entries()) {
    yield { tool_calls: [{ index, id: call.id, type: "function", function: { name: call.name, arguments: "" } }] };
    for (const part of call.args) yield { tool_calls: [{ index, function: { arguments: part } }] };
  }
}

const frameOf = (id: string, choices: unknown[], usage?: Record<string, number>) =>
  `data: ${JSON.stringify({ id, object: "chat.completion.chunk", created: 0, model: "strict", choices, usage })}\n\n`;

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((block: { text?: string }) => block.text ?? "").join("");
}

function refuse(response: ServerResponse, message: string): void {
  response.writeHead(400, { "content-type": "application/json" });
  response.end(JSON.stringify({ error: { message, type: "invalid_request_error" } }));
}
