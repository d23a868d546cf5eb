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
}

/**
 * What of one step's frames its client gets, so that all steps look like one
 * run: no pauses that only the driving made, nothing that a later step repeats
 * of the one before, and ids that say which step it is.
 */
export class StepFrames {
  #options: StepFramesOptions;
  #id?: string;
  /** Bytes of the frames that came with this id. */
  #alike: Buffer[] = [];
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
    if (joined && this.#id !== undefined && (compareIds(id, this.#id) ?? 0) < 0) return undefined;
    if (id !== this.#id) this.#alike = [];
    else if (joined && this.#alike.some((bytes) => bytes.equals(frame.bytes))) return undefined;
    this.#id = id;
    const place = { step, id, nth: this.#alike.length };
    this.#alike.push(frame.bytes);
    frame.bytes = withId(frame.bytes, id, stepIdText(place));
    return seen && wasSeen(place, seen) ? "seen" : "new";
  }

  /** A later step begins with the state that the one before has ended with. */
  #isRepeated({ event = "" }: Frame): boolean {
    if (this.#options.step === 0) return false;
    if (event === "metadata") return true;
    if ((event !== "values" && event !== "checkpoints") || this.#repeated.has(event)) return false;
    this.#repeated.add(event);
    return true;
  }
}

/** A pause with no question: nobody's `interrupt()`. JS tells of it under `values`, too. */
function isDrivingPause({ event, bytes }: Frame): boolean {
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
