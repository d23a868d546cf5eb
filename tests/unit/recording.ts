import { readFileSync } from "node:fs";
import type { CutRun, State } from "../../proxy/core/cut.ts";
import type { StreamPart, Transcript } from "../../proxy/core/transcript.ts";
import { TranscriptFold } from "../../proxy/core/transcript-fold.ts";

/** A run that was cancelled on a real server: as it was read afterwards, with its replay. */
export interface Recording {
  run: CutRun & { run_id: string };
  state: State;
  parts: StreamPart[];
}

/** A file of `recordings/`: the run, the state, then the parts of the stream, one a line. Ids are shortened. */
export function recording(name: string): Recording {
  const lines = readFileSync(new URL(`recordings/${name}.jsonl`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
  const [run, state, ...parts] = lines.map((line) => JSON.parse(line));
  return { run, state, parts };
}

export function fold(parts: StreamPart[]): Transcript {
  const transcript = new TranscriptFold();
  for (const part of parts) transcript.add(part);
  return transcript.transcript();
}
