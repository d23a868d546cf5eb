import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay, setImmediate as immediate } from "node:timers/promises";
import { anthropicMessages } from "./model/anthropic-messages.ts";
import type { Api, Request, Speech } from "./model/api.ts";
import { type ChatRequest, chatCompletions } from "./model/chat-completions.ts";
import { openaiResponses } from "./model/openai-responses.ts";
import { type Probe, Probes } from "./model/probes.ts";
import { type Call, type Reply, type Script, Scripted } from "./model/script.ts";
import type { OpenAIMessage } from "./openai-rules.ts";

/** A model that says what tests tell it, over OpenAI's APIs and Anthropic's, and answers 400 to what they would reject. */
export interface StrictModel {
  url: string;
  /** Sets what is said to a prompt: the exact text of the last user message, or `speaker: text` with the system prompt's first line. */
  script(prompt: string, ...replies: Reply[]): Script;
  /** What is said to a prompt without a script. */
  improvise?: (request: ChatRequest) => Reply;
  /** What the probe tool is told under this name; `undefined` = when the test says so. */
  probe(name: string, answer?: string): Probe;
  /** What nodes have noted, in order. */
  notes: string[];
  /** Histories that were rejected, with the reasons. */
  rejected: { messages: OpenAIMessage[]; violations: string[] }[];
  close(): Promise<void>;
}

/** On the given port, or on any free one. */
export async function startStrictModel(port = 0): Promise<StrictModel> {
  const scripts = new Map<string, Scripted>();
  const probes = new Probes();
  const apis: Record<string, Api> = {
    "/v1/chat/completions": chatCompletions,
    "/v1/responses": openaiResponses(),
    "/v1/messages": anthropicMessages(),
  };
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const probed = /^\/probe\/(.*)$/.exec(path)?.[1];
    const noted = /^\/note\/(.*)$/.exec(path)?.[1];
    const api = apis[path];
    if (probed) void probes.serve(decodeURIComponent(probed), response);
    else if (noted) response.end(String(model.notes.push(decodeURIComponent(noted))));
    else if (!api) response.writeHead(404).end();
    else answer(api, request, response, scripts, model).catch((error: unknown) => response.destroy(error as Error));
  });
  // A connection that is closed in the moment when a client takes it up again would fail that call.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const model: StrictModel = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    notes: [],
    rejected: [],
    probe(name, text) {
      const probe = probes.get(name);
      if (text !== undefined) probe.answer(text);
      return probe;
    },
    script(prompt, ...replies) {
      const script = new Scripted(replies);
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

async function answer(
  api: Api,
  request: IncomingMessage,
  response: ServerResponse,
  scripts: Map<string, Scripted>,
  { rejected, improvise }: StrictModel,
): Promise<void> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const asked = JSON.parse(body) as Request;
  const messages = api.messagesOf(asked);
  const violations = api.violations(asked);
  if (violations.length > 0) {
    rejected.push({ messages, violations });
    return refuse(response, violations.join(" "));
  }
  const prompt = textOf(messages.findLast(({ role, content }) => role === "user" && textOf(content))?.content);
  const isPrompt = ({ role }: OpenAIMessage) => role === "system" || role === "developer";
  const [speaker] = textOf(messages.find(isPrompt)?.content).split("\n");
  const found = scripts.get(`${speaker}: ${prompt}`) ?? scripts.get(prompt);
  if (!found && !improvise) return refuse(response, `No script for ${speaker}: ${prompt}`);
  const script = found ?? new Scripted([improvise?.(asked as ChatRequest) ?? {}]);
  const { call, reply } = script.take(messages);
  if (!asked.stream) return refuse(response, "This model only streams.");
  await speak(api.say(reply, asked), reply, call, response);
}

async function speak(speech: Speech, reply: Reply, call: Call, response: ServerResponse): Promise<void> {
  let complete = false;
  response.once("close", () => {
    call.closed.open({ early: !complete, at: performance.now() });
    call.release();
  });
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(speech.opening);
  for (const [sent, delta] of [...speech.deltas, ""].entries()) {
    if (sent === reply.holdAfter) {
      call.held.open();
      await call.released;
      if (call.failed) response.destroy();
    }
    if (response.destroyed) return;
    if (delta === "") break;
    response.write(delta);
    speech.said?.(sent);
    await (reply.pace ? delay(reply.pace) : immediate());
  }
  complete = true;
  response.end(speech.closing());
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((block: { text?: string }) => block.text ?? "").join("");
}

function refuse(response: ServerResponse, message: string): void {
  response.writeHead(400, { "content-type": "application/json" });
  response.end(JSON.stringify({ error: { message, type: "invalid_request_error" } }));
}
