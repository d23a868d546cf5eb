import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Transcript } from "../../proxy/core/transcript.ts";
import { type SavedFold, TranscriptFold } from "../../proxy/core/transcript-fold.ts";
import { fold, recording } from "./recording.ts";

const names = readdirSync(new URL("recordings", import.meta.url)).map((file) => file.replace(".jsonl", ""));

/** The replies that may be the conversation's: what is said inside of a tool is not put away. */
const repliesOf = ({ replies }: Transcript): unknown =>
  JSON.parse(JSON.stringify(replies.filter(({ origin }) => !origin.path.includes("tools"))));

describe("a fold that is put away and goes on", () => {
  it.each(names)("%s, wherever: as if it had never been", (name) => {
    const { parts } = recording(name);
    const whole = fold(parts);
    for (let at = 1; at <= parts.length; at++) {
      const first = new TranscriptFold();
      for (const part of parts.slice(0, at)) first.add(part);
      const saved = JSON.parse(JSON.stringify(first.save())) as SavedFold;
      const second = TranscriptFold.restore(saved);
      for (const part of parts.slice(at)) second.add(part);
      expect(repliesOf(second.transcript())).toEqual(repliesOf(whole));
      expect([...second.transcript().calls]).toEqual([...whole.calls]);
      expect(second.transcript().whole).toBe(whole.whole);
    }
  });

  it("holds nothing that the thread has by then", () => {
    const { parts } = recording("js-nested");
    const all = new TranscriptFold();
    for (const part of parts) all.add(part);
    const [first, second] = all.transcript().replies.map(({ message }) => message.id ?? "");
    const saved = all.save(new Set([first ?? ""]));
    expect(saved.drafts.map(([id]) => id)).toEqual([second]);
  });

  it("still knows which call a tool has begun, though the thread has the reply by then", () => {
    const { parts } = recording("python-events-in-turn");
    const start = parts.findIndex(({ data }) => (data as { event?: string }).event === "on_tool_start");
    const before = new TranscriptFold();
    for (const part of parts.slice(0, start)) before.add(part);
    const stored = new Set(before.transcript().replies.map(({ message }) => message.id ?? ""));
    const after = TranscriptFold.restore(JSON.parse(JSON.stringify(before.save(stored))) as SavedFold);
    for (const part of parts.slice(start)) after.add(part);
    expect([...after.transcript().calls]).toEqual([...fold(parts).calls]);
  });

  it("says so where something is missing in between", () => {
    const { parts } = recording("js-text");
    const torn = new TranscriptFold();
    for (const part of parts) torn.add(part);
    torn.tear();
    expect(TranscriptFold.restore(torn.save()).transcript().whole).toBe(false);
  });
});
