import { type Gate, gate } from "../gate.ts";
import type { OpenAIMessage } from "../openai-rules.ts";

/** What the model says in one call. Deltas go out one by one, in order: reasoning, text, refusal, calls. */
export interface Reply {
  reasoning?: string[];
  /** The parts of the signature under an Anthropic model's reasoning; issued in one part if none are given. */
  signature?: string[];
  text?: string[];
  refusal?: string[];
  calls?: { id: string; name: string; args: string[] }[];
  /** Pause after so many deltas, until released or hung up. */
  holdAfter?: number;
  /** Milliseconds between deltas. */
  pace?: number;
}

/** One call that the model got. */
export interface Call {
  /** As they came over the wire; the items of the input, if it came to the Responses API. */
  messages: OpenAIMessage[];
  /** Opens when `holdAfter` deltas have gone out. */
  held: Gate;
  /** Opens when the connection is closed; `early` = before the reply was complete. */
  closed: Gate<{ early: boolean; at: number }>;
  release(): void;
  /** Resolves when the call is released. */
  released: Promise<void>;
  /** Breaks a call that is held off, as a model does that fails. */
  fail(): void;
  failed: boolean;
}

/** A script: the replies to one prompt, in the order of the agent's steps, and the calls that took them. */
export interface Script {
  calls: Call[];
  /** The nth call (from 0), as soon as it has come in. */
  call(index: number): Promise<Call>;
}

/** A script from the model's side. */
export class Scripted implements Script {
  readonly calls: Call[] = [];
  readonly #replies: Reply[];
  readonly #arrivals = new Map<number, Gate<Call>>();

  constructor(replies: Reply[]) {
    this.#replies = replies;
  }

  call(index: number): Promise<Call> {
    return this.#arrival(index).opened;
  }

  /** The next reply; the last one, when there are no more. */
  take(messages: OpenAIMessage[]): { call: Call; reply: Reply } {
    const index = this.calls.length;
    const release = gate();
    const call: Call = {
      messages,
      held: gate(),
      closed: gate(),
      release: () => release.open(),
      released: release.opened,
      failed: false,
      fail() {
        call.failed = true;
        release.open();
      },
    };
    this.calls.push(call);
    this.#arrival(index).open(call);
    return { call, reply: this.#replies[index] ?? this.#replies.at(-1) ?? {} };
  }

  #arrival(index: number): Gate<Call> {
    const arrival = this.#arrivals.get(index) ?? gate<Call>();
    this.#arrivals.set(index, arrival);
    return arrival;
  }
}
