import { randomUUID } from "node:crypto";
import type { Client } from "@langchain/langgraph-sdk";
import type { Flow } from "../helpers/flow.ts";

/** What a case finds: of each side, directly and through the proxy, its own, made in the same way. */
export interface World {
  /** Names what is this side's own on a server that both share. */
  mark: string;
  /** Where its requests go. */
  base: string;
  /** For what has to be there before: always past the proxy. */
  direct: Client;
  model: Flow["model"];
  server: "js" | "python";
  /** A new thread; its id. */
  thread(): Promise<string>;
  /** A thread with one finished turn; its id. */
  turn(): Promise<string>;
}

/** A way to call one method of the SDK's client. */
export interface Case {
  call(client: Client, world: World): Promise<unknown>;
  /** What it resolves to, where it is not for this side to say what comes in which order over the wire. */
  compared?: "result";
  /** The JS server takes longer for it than `npm test` may: only with `ALL_CELLS`. */
  slowOnJs?: boolean;
}

/** The cases of each method of one part of the client. */
export type Methods = Record<string, Record<string, Case>>;

export const graph = "react";
export const input = { messages: [{ role: "user", content: "hello" }] };

export function world(direct: Client, model: Flow["model"], server: World["server"], base: string): World {
  const mark = randomUUID();
  const thread = async () => (await direct.threads.create({ metadata: { mark } })).thread_id;
  const turn = async () => {
    const threadId = await thread();
    await direct.runs.wait(threadId, graph, { input });
    return threadId;
  };
  return { mark, base, direct, model, server, thread, turn };
}

export const same = (call: Case["call"]): Case => ({ call });

/** All parts of a stream. */
export async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const parts: T[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}
