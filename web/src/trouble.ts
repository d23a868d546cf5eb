import { StreamError } from "@langchain/langgraph-sdk";
import { statusOf } from "./chat-client.ts";

/** What went wrong, for the person who reads it. */
export interface Trouble {
  sentence: string;
  /** What the server said, one line. */
  detail?: string;
  /** `run`: the graph failed and can be taken up where it stood. `request`: the server refused. `connection`: nobody answered. */
  kind: "run" | "request" | "connection";
}

const sentences: Record<number, string> = {
  401: "The server wants you to sign in first.",
  403: "You are not allowed to use this conversation.",
  404: "This conversation can’t be found.",
  409: "Another reply is still being written in this conversation.",
  429: "The server is busy. Give it a moment.",
  502: "The agent’s server can’t be reached just now.",
  503: "The server is not ready yet.",
};

/** Undefined where there is nothing to tell: no error, or the reader stopped or went elsewhere. */
export function troubleOf(error: unknown): Trouble | undefined {
  if (error == null || isAbort(error)) return undefined;
  const status = statusOf(error);
  if (status !== undefined) {
    const sentence = sentences[status] ?? "The server could not do that.";
    return { kind: "request", sentence, detail: status in sentences ? undefined : firstLine(error) };
  }
  // What a thread's state tells of a failure is no `Error`.
  if (error instanceof StreamError || !(error instanceof Error)) {
    return { kind: "run", sentence: "The reply could not be finished.", detail: firstLine(error) };
  }
  return { kind: "connection", sentence: "The server can’t be reached. Your conversation is safe; try again." };
}

/** A stop that did not get through claims nothing about the run. */
export function stopTroubleOf(error: unknown): Trouble | undefined {
  const trouble = troubleOf(error);
  return trouble && { ...trouble, sentence: "Stopping failed. The reply may still be going on." };
}

/** The SDK's own abort is a plain error of this message. */
const isAbort = (error: unknown) =>
  error instanceof Error && (error.name === "AbortError" || error.message === "AbortError");

const longest = 200;

/** The server's own words where it gave any, never a stack. */
function firstLine(error: unknown): string | undefined {
  const said = typeof error === "string" ? error : messageOf(error);
  const [line = ""] = unwrapped(said.replace(/^HTTP \d+: /, ""))
    .trim()
    .split("\n");
  return line.length > longest ? `${line.slice(0, longest)}…` : line || undefined;
}

const messageOf = (value: unknown): string =>
  typeof value === "object" && value !== null && "message" in value ? String(value.message) : "";

/** Servers say why as JSON. */
function unwrapped(body: string): string {
  if (!body.startsWith("{")) return body;
  try {
    const { detail, message, error } = JSON.parse(body) as Record<string, unknown>;
    return [detail, message, error].find((words) => typeof words === "string") ?? "";
  } catch (error) {
    if (error instanceof SyntaxError) return "";
    throw error;
  }
}
