import type { Run } from "@langchain/langgraph-sdk";
import type { Frame } from "../sse/frames.ts";
import type { Drive } from "./drive.ts";
import { firstOf } from "./step-body.ts";
import { isDrivingPause } from "./step-frames.ts";

/** What follows a step within this time, in milliseconds, has been there already: the stream is replayed. */
const atOnce = 100;

export interface ThreadStepsOptions {
  /** Follows a run that is driven step by step to its end. */
  follow: (firstId: string) => Pick<Drive, "over">;
  /** Sends the client something between two frames. */
  send: (bytes: Buffer) => void;
}

/** The end of a step, which may be the end of the whole run. */
interface End {
  firstId: string;
  /** The pause that the step has ended with. */
  pause: Buffer[];
  done: Buffer;
}

/**
 * The stream of a thread, on which each run that is driven step by step is to
 * look like one: it begins with its first step, and ends when it is over.
 */
export class ThreadSteps {
  #options: ThreadStepsOptions;
  /** The step whose frames are passing. */
  #firstId?: string;
  #isLater = false;
  #repeated = new Set<string>();
  #pause: Buffer[] = [];
  #end?: End;

  constructor(options: ThreadStepsOptions) {
    this.#options = options;
  }

  /** The stream was taken up in the middle of this run. */
  takeUpIn(run: Run): void {
    this.#firstId = firstOf(run);
    this.#isLater = false;
  }

  /** To be asked of each frame in turn; `run` is the one that a `metadata` frame is about. */
  keep(frame: Frame, run: Run | undefined): boolean {
    if (frame.comment) return true;
    if (frame.event === "metadata") return this.#isBegun(frame, run);
    if (this.#firstId === undefined) return true;
    if (isDrivingPause(frame)) {
      this.#pause.push(frame.bytes);
      return false;
    }
    return !this.#isRepeated(frame);
  }

  /** No further frame will come. */
  close(): void {
    this.#end = undefined;
  }

  #isBegun(frame: Frame, run: Run | undefined): boolean {
    const firstId = run && firstOf(run);
    if (run && firstId !== undefined && /"run_done"/.test(frame.bytes.toString("utf8"))) {
      this.#hold({ firstId, pause: this.#pause, done: named(frame.bytes, run.run_id, firstId) });
      this.#pause = [];
      this.#firstId = undefined;
      return false;
    }
    const goesOn = this.#end?.firstId === firstId && firstId !== undefined;
    if (this.#end && !goesOn) frame.bytes = Buffer.concat([this.#end.done, frame.bytes]);
    this.#end = undefined;
    this.#firstId = firstId;
    this.#isLater = firstId !== run?.run_id;
    this.#repeated.clear();
    return firstId === undefined || !this.#isLater;
  }

  /** A later step begins with the state that the one before has ended with. */
  #isRepeated({ event = "" }: Frame): boolean {
    if (!this.#isLater || (event !== "values" && event !== "checkpoints") || this.#repeated.has(event)) return false;
    this.#repeated.add(event);
    return true;
  }

  /** Unless another step follows, it is sent when the run is over. */
  #hold(end: End): void {
    this.#end = end;
    setTimeout(() => {
      if (this.#end !== end) return;
      this.#options
        .follow(end.firstId)
        .over.catch(() => undefined)
        .then((ending) => {
          if (this.#end !== end) return;
          this.#end = undefined;
          this.#options.send(Buffer.concat([...(ending === "paused" ? end.pause : []), end.done]));
        });
    }, atOnce).unref();
  }
}

const named = (bytes: Buffer, runId: string, firstId: string): Buffer =>
  Buffer.from(bytes.toString("utf8").replace(runId, firstId));
