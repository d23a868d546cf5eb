import { callerOf } from "../credentials.ts";
import { asProxyError, UpstreamAnswer } from "../errors.ts";
import { asObject, asText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { type RunCommand, type Starter, startRun, startsRun } from "../stop/start-run.ts";
import type { SocketMessage } from "./messages.ts";

/**
 * What a client sends over a thread's v2 socket. What starts a run is carried
 * out as over `POST …/commands`, and waits like there; whatever comes behind it
 * waits for it to be sent. All else is the server's.
 *
 * A message doesn't pass as it is: the Python server takes what is sent to it on a
 * socket whose last run was cancelled for the answer to a question, and the
 * user's message would be lost (langgraph-api 0.16).
 */
export class V2Commands {
  readonly #services: Services;
  readonly #starter: Starter;
  readonly #answer: (text: string) => void;

  /** `answer` sends the client a text message. */
  constructor(services: Services, starter: Starter, answer: (text: string) => void) {
    this.#services = services;
    this.#starter = starter;
    this.#answer = answer;
  }

  /** Resolves, when the next message may be looked at, to whether this one goes to the server as it is. */
  async passes({ opcode, payload }: SocketMessage): Promise<boolean> {
    const command = opcode === 1 || opcode === 2 ? asObject(payload.toString("utf8")) : undefined;
    if (startsRun(command)) {
      await this.#start(command);
      return false;
    }
    await this.#hold(command?.method);
    return true;
  }

  async #start(command: RunCommand): Promise<void> {
    try {
      const started = await startRun(this.#services, this.#starter, command);
      started?.answer.then(
        (answer) => this.#answer(asAnswer(command, answer)),
        (error: unknown) => this.#fail(command, error),
      );
    } catch (error) {
      this.#fail(command, error);
    }
  }

  #fail(command: RunCommand, thrown: unknown): void {
    const { code, message } = asProxyError(thrown);
    this.#services.log.warn({ err: thrown, thread_id: this.#starter.threadId }, "a run was not started");
    this.#answer(thrown instanceof UpstreamAnswer ? asAnswer(command, thrown) : refusal(command, code, message));
  }

  /** What looks at the thread waits for a stop under way; what is about the socket doesn't. */
  async #hold(method: unknown): Promise<void> {
    const { caller, threadId } = this.#starter;
    if (method === "state.get") await this.#services.threads.quiet(threadId, callerOf(caller));
  }
}

/** The server's own answer, if it is one of the protocol's. */
const asAnswer = (command: RunCommand, { status, body }: UpstreamAnswer): string =>
  asObject(body)?.type ? body : refusal(command, "upstream_failed", `The LangGraph server answered ${status}: ${body}`);

const refusal = ({ id }: RunCommand, error: string, message: string): string =>
  asText({ type: "error", id, error, message });
