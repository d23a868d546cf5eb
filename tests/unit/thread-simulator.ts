import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Cut, State, Task } from "../../proxy/core/cut.ts";
import { isObject, type Message, messagesIn } from "../../proxy/core/message.ts";
import { nextWrite, type Write } from "../../proxy/core/plan.ts";

/** A compiled graph, as far as a write follows its edges. */
export interface Graph {
  entry: string[];
  /** Where each node leads; `calls`: to `tools` while the last message has an open call. */
  edges: Record<string, string[] | "calls">;
  /** How the conversation takes a write, where not as `add_messages` does. */
  reducer?: "append" | "replace";
  /** Where it is in the state; `messages` unless it says otherwise. */
  key?: string;
}

/**
 * A thread of a LangGraph server between two runs.
 *
 * Reads show what finished siblings of a cut task would add, as both servers
 * do. Writes do what the Python server's do, the stricter one: written as a
 * node, they follow its edges and discard the unfinished step, results of
 * finished siblings with it; `null` as `__end__` applies those and lets the
 * step go.
 */
export class ThreadSimulator {
  #graph: Graph;
  #values: Record<string, unknown>;
  #tasks: Task[];
  #runId?: string;
  /** Input that waits at the start. */
  #input?: unknown;
  #isUpdated = false;

  constructor(graph: Graph, { values, tasks, metadata }: Pick<State, "values" | "tasks" | "metadata">) {
    this.#graph = graph;
    this.#tasks = structuredClone(tasks);
    this.#values = without(structuredClone(isObject(values) ? values : {}), this.#tasks);
    this.#runId = metadata?.run_id as string | undefined;
  }

  read(): State {
    const values = this.#tasks.reduce((shown, { result }) => this.#apply(shown, result), this.#values);
    const next = this.#tasks.filter(({ result }) => result == null).map(({ name }) => name);
    const metadata = {
      ...(this.#runId ? { run_id: this.#runId } : {}),
      ...(this.#isUpdated ? { source: this.#input ? "input" : "update" } : {}),
    };
    return structuredClone({ values, next: [...new Set(next)], tasks: this.#tasks, metadata });
  }

  write({ values, asNode }: Write): void {
    this.#isUpdated = true;
    if (asNode === "__end__") {
      if (values !== null) throw new Error("400: only null can be written as __end__");
      const finished = this.#tasks.filter(({ result }) => result != null);
      for (const { result } of finished) this.#values = this.#apply(this.#values, result);
      this.#goTo(finished.flatMap(({ name }) => this.#after(name)));
      return;
    }
    if (asNode === "__input__") {
      this.#input = values;
      this.#tasks = [{ id: randomUUID(), name: "__start__", interrupts: [], result: null }];
      return;
    }
    this.#input = undefined;
    if (asNode === undefined) throw new Error("400: Ambiguous update, specify as_node");
    if (asNode !== "__start__" && !(asNode in this.#graph.edges)) throw new Error(`400: Node ${asNode} does not exist`);
    this.#values = this.#apply(this.#values, values);
    this.#goTo(asNode === "__start__" ? this.#graph.entry : this.#after(asNode));
  }

  #after(node: string): string[] {
    const edges = this.#graph.edges[node] ?? [];
    if (edges !== "calls") return edges;
    const last = messagesIn(this.#values, this.#graph.key ?? "messages").at(-1);
    return last?.type === "ai" && last.tool_calls?.length ? ["tools"] : [];
  }

  /** The graph's reducer for lists of messages, the new value for all other keys. */
  #apply(values: Record<string, unknown>, update: unknown): Record<string, unknown> {
    if (!isObject(update)) return values;
    const merged = Object.entries(update).map(([key, value]) => {
      const isConversation = Array.isArray(value) && (Array.isArray(values[key]) || value.every(isObject));
      const said = value as Message[];
      if (!isConversation || this.#graph.reducer === "replace") return [key, value];
      const before = (values[key] ?? []) as Message[];
      return [key, this.#graph.reducer === "append" ? [...before, ...said] : addMessages(before, said)];
    });
    return { ...values, ...Object.fromEntries(merged) };
  }

  #goTo(nodes: string[]): void {
    this.#tasks = [...new Set(nodes)].map((name) => ({ id: randomUUID(), name, interrupts: [], result: null }));
  }
}

/** What a plan did to a thread: each write, as `node: what` of each message; and the thread as it then is. */
export interface Planned {
  writes: string[];
  state: State;
}

/** Writes what `plan` asks for until it asks for nothing, as a stop does. */
export function carryOut(
  thread: ThreadSimulator,
  cut: Cut,
  plan: (state: State) => Write | undefined = (state) => nextWrite(state, cut),
): Planned {
  const writes: string[] = [];
  for (let write = plan(thread.read()); write; write = plan(thread.read())) {
    writes.push(`${write.asNode} ← ${outline(write.values, cut.messagesKey)}`);
    thread.write(write);
    if (writes.length > 40) throw new Error(`The plan never ends:\n${writes.join("\n")}`);
  }
  return { writes, state: thread.read() };
}

function outline(values: Write["values"], key: string | undefined): string {
  if (!values) return String(values);
  return messagesIn(values, key).map(line).join(", ") || JSON.stringify(values);
}

/** A message in a few words: its type, the call it answers, and what it says. */
export function line({ type, id, content, tool_call_id, response_metadata }: Message): string {
  if (type === "remove") return `remove ${id}`;
  const stopped = response_metadata?.stopped as { fate?: string } | undefined;
  if (stopped?.fate) return `${tool_call_id} ${stopped.fate}`;
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return `${tool_call_id ?? type} ${JSON.stringify(text)}${stopped ? " stopped" : ""}`;
}

/** As LangGraph merges: by id in place, others at the end; removals last, so a removed id that comes again stays where it was. */
function addMessages(left: Message[], right: Message[]): Message[] {
  const merged = [...left];
  const removed = new Set<string>();
  for (const message of right) {
    const at = merged.findIndex(({ id }) => id && id === message.id);
    if (message.type === "remove") {
      if (at === -1)
        throw new Error(`400: Attempting to delete a message with an ID that doesn't exist (${message.id})`);
      removed.add(message.id ?? "");
    } else if (at === -1) merged.push({ ...message, id: message.id ?? randomUUID() });
    else {
      removed.delete(message.id ?? "");
      merged[at] = message;
    }
  }
  return merged.filter(({ id }) => !removed.has(id ?? ""));
}

/** A recorded state shows what its finished tasks would add; here that is taken out again. */
function without(values: Record<string, unknown>, tasks: Task[]): Record<string, unknown> {
  const added = tasks.flatMap(({ result }) =>
    isObject(result) ? Object.keys(result).flatMap((key) => messagesIn(result, key)) : [],
  );
  const isAdded = (item: unknown) =>
    added.some((one) => (one.id ? isObject(item) && item.id === one.id : isDeepStrictEqual(one, item)));
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.filter((item) => !isAdded(item)) : value,
    ]),
  );
}
