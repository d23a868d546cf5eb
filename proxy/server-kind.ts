import { isObject } from "./core/message.ts";
import type { Settings } from "./env.ts";
import type { ToolMode } from "./sse/modes.ts";
import { type Upstream, upstreamFetch } from "./upstream.ts";

/** Which LangGraph server it is, by `GET /info`; they differ in the modes they take and in how they answer a cancel. */
export type ServerKind = "js" | "python" | "aegra";

/** How long to wait for `/info`, in milliseconds. */
const patience = 5000;

/** Asks the server what it is, once; asks again as long as it could not be reached. */
export class ServerKindProbe {
  #upstream: Upstream;
  #known?: ServerKind;
  #asking?: Promise<ServerKind | undefined>;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /** Undefined when the server takes too long to say; throws when it can't be reached. */
  async kind(): Promise<ServerKind | undefined> {
    if (this.#known) return this.#known;
    this.#asking ??= this.ask()
      .catch(undefinedIfLate)
      .finally(() => {
        this.#asking = undefined;
      });
    return await this.#asking;
  }

  /** Asks now. Throws what `fetch` throws; an answer that isn't LangGraph's counts as Python's, which takes the least. */
  async ask(): Promise<ServerKind> {
    const headers: Record<string, string> = this.#upstream.apiKey ? { "x-api-key": this.#upstream.apiKey } : {};
    const signal = AbortSignal.timeout(patience);
    const answer = await upstreamFetch(`${this.#upstream.url}/info`, { headers, signal });
    const info: unknown = answer.ok ? await answer.json() : undefined;
    const kind = kindOf(info);
    if (answer.ok) this.#known = kind;
    return kind;
  }
}

/** A server under load may still do what it is asked; what all servers take does for it. */
function undefinedIfLate(error: unknown): undefined {
  if ((error as Error).name !== "TimeoutError") throw error;
}

/** How a run is made to tell of its tools: where `tools` is not to be had, by `events`, if that is wanted at its price. */
export function toolModeOf(kind: ServerKind | undefined, { toolEvents }: Pick<Settings, "toolEvents">): ToolMode {
  if (kind === "js") return "tools";
  return kind === "python" && toolEvents ? "events" : undefined;
}

function kindOf(info: unknown): ServerKind {
  if (!isObject(info)) return "python";
  if (info.name === "Aegra") return "aegra";
  return info.context === "js" && info.langgraph_py_version === undefined ? "js" : "python";
}
