import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { AskedOnce } from "./asked-once.ts";
import { isObject } from "./core/message.ts";
import { callerOf } from "./credentials.ts";
import type { Settings } from "./env.ts";
import { ProxyError, UpstreamAnswer } from "./errors.ts";
import type { ToolMode } from "./sse/modes.ts";
import { callerHeaders, type Upstream, upstreamFetch } from "./upstream.ts";

/** Which LangGraph server it is, by `GET /info`; they differ in the modes they take and in how they answer a cancel. */
export type ServerKind = "js" | "python" | "aegra";

/** With which status servers refuse a body in which something is not as it should be. */
const malformed = [400, 422];

/** How long to wait for an answer, in milliseconds. */
const patience = 5000;

/** Asks the server what it is, and what it takes. */
export class ServerKindProbe {
  #upstream: Upstream;
  #kind = new AskedOnce<ServerKind>();
  #takesTools = new AskedOnce<boolean>();

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /** Undefined when the server fails or takes too long to say; throws when it can't be reached. Where it doesn't say, it counts as Python's, which takes the least. */
  async kind(caller: IncomingHttpHeaders = {}): Promise<ServerKind | undefined> {
    const kind = this.#kind.get(callerOf(caller), () => this.#ask(caller));
    return await kind.then((told) => told ?? "python", undefinedIfLate);
  }

  /** Asks now. Throws `ProxyError` 502 if the server fails, and what `fetch` throws. */
  async ask(): Promise<ServerKind> {
    return (await this.#ask({})) ?? "python";
  }

  /**
   * Creates a run that tells of its tools: where `tools` is not to be had, by `events`, if that is wanted at its
   * price. One that is refused for the mode all the same is created without it.
   */
  async withToolMode(
    caller: IncomingHttpHeaders,
    settings: Pick<Settings, "toolEvents">,
    create: (mode: ToolMode) => Promise<void>,
  ): Promise<void> {
    const mode = await this.toolMode(caller, settings);
    try {
      await create(mode);
    } catch (error) {
      if (mode !== "tools" || !isMalformed(error) || !error.body.includes(mode)) throw error;
      this.#takesTools.know(false);
      await create(undefined);
    }
  }

  /** The mode in which a run is to tell of its tools. */
  async toolMode(caller: IncomingHttpHeaders, { toolEvents }: Pick<Settings, "toolEvents">): Promise<ToolMode> {
    const kind = await this.kind(caller);
    if (kind !== "js") return kind === "python" && toolEvents ? "events" : undefined;
    const takesTools = this.#takesTools.get(callerOf(caller), () => this.#tryTools(caller));
    return (await takesTools.then((told) => told ?? true, undefinedIfLate)) ? "tools" : undefined;
  }

  /** Undefined: it doesn't say. */
  async #ask(caller: IncomingHttpHeaders): Promise<ServerKind | undefined> {
    const answer = await this.#fetch("/info", { headers: callerHeaders(caller, this.#upstream) });
    return answer.ok ? kindOf(await answer.json()) : undefined;
  }

  /** Older JS servers have no mode `tools`. Undefined: the caller may not start runs. */
  async #tryTools(caller: IncomingHttpHeaders): Promise<boolean | undefined> {
    const status = await this.#refusal(caller, ["values", "tools"]);
    if (status === 401 || status === 403) return undefined;
    return !malformed.includes(status) || status === (await this.#refusal(caller, ["values"]));
  }

  /** The status with which a run is refused that can't come to be: there is no such assistant. */
  async #refusal(caller: IncomingHttpHeaders, stream_mode: string[]): Promise<number> {
    const answer = await this.#fetch("/runs/stream", {
      method: "POST",
      headers: { ...callerHeaders(caller, this.#upstream), "content-type": "application/json" },
      body: JSON.stringify({ assistant_id: randomUUID(), stream_mode }),
    });
    await answer.body?.cancel();
    return answer.status;
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const signal = AbortSignal.timeout(patience);
    const answer = await upstreamFetch(this.#upstream.url + path, { ...init, signal });
    if (answer.status < 500) return answer;
    const message = `The LangGraph server answered ${init.method ?? "GET"} ${path} with ${answer.status}.`;
    await answer.body?.cancel();
    throw new ProxyError(502, "upstream_failed", message);
  }
}

/** A server under load may still do what it is asked; what all servers take does for it. */
function undefinedIfLate(error: unknown): undefined {
  const hasFailed = error instanceof ProxyError && error.code === "upstream_failed";
  if (!hasFailed && (error as Error).name !== "TimeoutError") throw error;
}

const isMalformed = (error: unknown): error is UpstreamAnswer =>
  error instanceof UpstreamAnswer && malformed.includes(error.status);

function kindOf(info: unknown): ServerKind {
  if (!isObject(info)) return "python";
  if (info.name === "Aegra") return "aegra";
  return info.context === "js" && info.langgraph_py_version === undefined ? "js" : "python";
}
