import { compareIds } from "../core/event-id.ts";
import type { Frame } from "../sse/frames.ts";
import { type StepId, stepIdText, wasSeen } from "./step-id.ts";

export interface StepFramesOptions {
  step: number;
  /** Whether the frame is there only because of what the proxy added to the run. */
  isAddition: (frame: Frame) => boolean;
  /** The last event of this step that the client has. */
  seen?: StepId;
  /** It is joined, not created with this stream: parts may come twice. */
  joined: boolean;
  /** It was joined in the middle, for what is still to come. */
  begun?: boolean;
}

/**
 * What of one step's frames its client gets, so that all steps look like one
 * run: no pauses that only the driving made, nothing that a later step repeats
 * of the one before, and ids that say which step it is.
 */
export class StepFrames {
  #options: StepFramesOptions;
  #id?: string;
  /** How many frames came with this id. */
  #alike = 0;
  /** How many of them are still to come a second time. */
  #again = 0;
  #begun = false;
  #repeated = new Set<string>();
  /** The frames of a pause, which the driving has made, or the graph's own breakpoint. */
  readonly pause: Buffer[] = [];

  constructor(options: StepFramesOptions) {
    this.#options = options;
  }

  /** To be asked of each frame in turn; one that is sent gets its new id. */
  keep(frame: Frame): boolean {
    if (frame.comment) return true;
    const named = this.#rename(frame);
    if (!named || this.#options.isAddition(frame) || this.#isRepeated(frame)) return false;
    if (isDrivingPause(frame)) {
      this.pause.push(frame.bytes);
      return false;
    }
    return named === "new";
  }

  /** Undefined for a frame that has come before. */
  #rename(frame: Frame): "new" | "seen" | undefined {
    const { step, seen, joined } = this.#options;
    const { id } = frame;
    if (id === undefined) return seen ? undefined : "new";
    if (joined && this.#comesAgain(frame, id)) return undefined;
    if (id !== this.#id) this.#alike = 0;
    this.#id = id;
    const place = { step, id, nth: this.#alike };
    this.#alike += 1;
    frame.bytes = withId(frame.bytes, id, stepIdText(place));
    return seen && wasSeen(place, seen) ? "seen" : "new";
  }

  /**
   * A Python server that is joined while a run streams sends the last of what
   * it replays a second time, in order and to its end; it may give several
   * frames one id. So what is alike is no second time: that begins where ids
   * run backwards, or, if all had one id, at the very beginning.
   */
  #comesAgain({ event }: Frame, id: string): boolean {
    const order = this.#id === undefined ? 1 : (compareIds(id, this.#id) ?? Number(id !== this.#id));
    const isFirst = event === "metadata";
    if (order < 0 || (order === 0 && isFirst && this.#begun)) this.#again ||= this.#alike;
    this.#begun ||= isFirst;
    if (order > 0) this.#again = 0;
    if (this.#again === 0) return false;
    if (order === 0) this.#again -= 1;
    return true;
  }

  /** A later step begins with the state that the one before has ended with. */
  #isRepeated({ event = "" }: Frame): boolean {
    const { step, begun } = this.#options;
    if (step === 0) return false;
    if (event === "metadata") return true;
    if (begun || (event !== "values" && event !== "checkpoints") || this.#repeated.has(event)) return false;
    this.#repeated.add(event);
    return true;
  }
}

/** A pause with no question: nobody's `interrupt()`. JS tells of it under `values`, too. */
export function isDrivingPause({ event, bytes }: Frame): boolean {
  if (event !== "updates" && event !== "values") return false;
  return bytes.length < 200 && /^data: ?\{"__interrupt__": ?\[\]\}\r?$/m.test(bytes.toString("utf8"));
}

function withId(bytes: Buffer, id: string, text: string): Buffer {
  for (const line of [`\nid: ${id}`, `\nid:${id}`]) {
    const at = bytes.lastIndexOf(line);
    if (at !== -1) {
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(`\nid: ${text}`), bytes.subarray(at + line.length)]);
    }
  }
  const first = `id: ${id}`;
  return bytes.indexOf(first) === 0 ? Buffer.concat([Buffer.from(`id: ${text}`), bytes.subarray(first.length)]) : bytes;
}
