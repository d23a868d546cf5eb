import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gatherCut, type Stop } from "../../proxy/core/cut.ts";
import { isAI, isTool, type Message, messagesIn, textOf } from "../../proxy/core/message.ts";
import { nextTurnWrite, nextWrite } from "../../proxy/core/plan.ts";
import { turnOf } from "../../proxy/core/turn.ts";
import { providerViolations } from "../helpers/rules.ts";
import { wordsOf } from "../helpers/wire.ts";
import { type CutRunCase, cutRun } from "./cut-runs.ts";
import { fold } from "./recording.ts";
import { resultOf } from "./simulated-run.ts";
import { carryOut, type Planned, ThreadSimulator } from "./thread-simulator.ts";

const asked: Stop = {
  runId: "run",
  action: "interrupt",
  keep: "partial",
  reason: "user",
  at: "2026-01-03T00:00:00.000Z",
  preferredKey: "messages",
};

interface Stopped extends Planned {
  thread: ThreadSimulator;
  messages: Message[];
}

function stop({ recording, graph, style }: CutRunCase, wish: Partial<Stop> = {}): Stopped {
  const { run, state, parts } = recording;
  const thread = new ThreadSimulator(graph, state);
  const cut = gatherCut({ ...asked, ...wish }, run, thread.read(), fold(parts));
  const planned = carryOut(thread, cut);
  return { ...planned, thread, messages: messagesIn(planned.state.values, style.key) };
}

function rollBack({ recording, graph, earlier, style }: CutRunCase): Stopped {
  const { run, state, parts } = recording;
  const left = new ThreadSimulator(graph, state).read();
  const cut = gatherCut({ ...asked, action: "rollback" }, run, left, fold(parts));
  const turn = turnOf(left, earlier, run.kwargs?.input, cut);
  const thread = new ThreadSimulator(graph, { values: { [style.key]: earlier }, tasks: [] });
  const planned = carryOut(thread, cut, (head) => nextTurnWrite(head, cut, earlier, turn));
  return { ...planned, thread, messages: messagesIn(planned.state.values, style.key) };
}

const settings = { numRuns: 250, seed: 4 };

const forAnyCut = (holds: (cut: CutRunCase) => void) => () => fc.assert(fc.property(cutRun, holds), settings);

function expectAccepted(messages: Message[], { signatures }: CutRunCase): void {
  expect(providerViolations(messages, (signature) => signatures.has(signature))).toEqual([]);
}

/** Every word that was streamed of the turn's replies stands in the thread once, and under one of the ids that it has. */
function expectAllSaid(messages: Message[], { spoken }: CutRunCase): void {
  const stored = messages.filter(isAI).flatMap(wordsOf);
  for (const { text, ids } of spoken) {
    if (text.trim() === "") continue;
    const own = messages.filter(({ content }) => textOf(content).trimEnd() === text.trimEnd());
    expect(own.filter(isAI)).toHaveLength(1);
    if (ids.length > 0) expect(ids).toContain(own[0]?.id);
    for (const word of text.split(/\s+/).filter(Boolean)) {
      expect(stored.filter((other) => other === word)).toEqual([word]);
    }
  }
}

/** What was streamed of the message, if that can be told. */
const streamedOf = ({ id, content }: Message, { spoken }: CutRunCase) =>
  spoken.find(({ ids }) => ids.includes(id ?? "")) ??
  spoken.find(({ text }) => text.trim() !== "" && text.trimEnd() === textOf(content).trimEnd());

describe("for any conversation, cut anywhere", () => {
  it(
    "providers take the thread, and nothing is pending (cases 12, 15, 23, 24)",
    forAnyCut((cut) => {
      const { messages, state } = stop(cut);
      expect(state.next).toEqual([]);
      expectAccepted(messages, cut);
    }),
  );

  it(
    "every word that was streamed stands in it once, under the id that was streamed (cases 17, 18, 20)",
    forAnyCut((cut) => expectAllSaid(stop(cut).messages, cut)),
  );

  it(
    "what was there before the turn, and what the user said, is as it was (case 19)",
    forAnyCut((cut) => {
      const { messages } = stop(cut);
      expect(messages.slice(0, cut.earlier.length)).toEqual(cut.earlier);
      expect(messages[cut.earlier.length]).toMatchObject(cut.asked);
    }),
  );

  it(
    "an answer is true: a result that finished, else what became of the call (cases 14, 27)",
    forAnyCut((cut) => {
      const { messages } = stop(cut);
      for (const answer of messages.filter(isTool)) {
        const id = answer.tool_call_id ?? "";
        const real = answer.content === resultOf(id).content;
        const truth = cut.calls.get(id) ?? "finished";
        if (real) expect(truth).toBe("finished");
        else expect(answer.status).toBe("error");
        if (textOf(answer.content).includes("never started")) expect(truth).toBe("never");
        if (cut.told.has(id)) expect(real).toBe(true);
      }
    }),
  );

  it(
    "a call asks for what the model asked for; half a call is none",
    forAnyCut((cut) => {
      for (const { id, args } of stop(cut).messages.flatMap(({ tool_calls }) => tool_calls ?? [])) {
        if (!id?.startsWith("call-before")) expect([id, args]).toEqual([id, cut.asks.get(id ?? "")]);
      }
    }),
  );

  it(
    "a reply is marked if it was cut, and only then (case 6)",
    forAnyCut((cut) => {
      for (const message of stop(cut).messages.filter(isAI)) {
        const isCut = message.response_metadata?.stopped !== undefined;
        const streamed = streamedOf(message, cut);
        if (streamed) expect(isCut).toBe(!streamed.complete);
        else if (textOf(message.content) !== "") expect(isCut).toBe(false);
        if (isCut) expect(JSON.stringify(message)).not.toMatch(/"(rs|msg)_/);
      }
    }),
  );

  it(
    "a second stop plans nothing (case 18)",
    forAnyCut((cut) => {
      const { thread, state } = stop(cut);
      const again = gatherCut(asked, cut.recording.run, state, fold(cut.recording.parts));
      expect(carryOut(thread, again).writes).toEqual([]);
    }),
  );

  it(
    "left in the middle by a replica that died, it is gone on with, and nothing is lost or said twice (case 18)",
    forAnyCut((cut) => {
      const { reducer, form, beside } = cut.style;
      // Where each write takes the place of all, what stood before one that nobody followed up is gone.
      if (reducer === "replace") return;
      // The v2 protocol tells no step: then who had spoken to the end beside the last one can't be told from a step that is over.
      if (form === "v2" && beside) return;
      const { run, state, parts } = cut.recording;
      const { writes } = stop(cut);
      for (let done = 1; done < writes.length; done += 1) {
        const thread = new ThreadSimulator(cut.graph, state);
        const gather = () => gatherCut(asked, run, thread.read(), fold(parts));
        const cutShort = gather();
        let left = done;
        carryOut(thread, cutShort, (head) => (left-- > 0 ? nextWrite(head, cutShort) : undefined));
        const messages = messagesIn(carryOut(thread, gather()).state.values, cut.style.key);
        expectAllSaid(messages, cut);
        expectAccepted(messages, cut);
      }
    }),
  );

  it(
    "with nothing kept, no cut word is there, and providers take the thread",
    forAnyCut((cut) => {
      const { messages, state } = stop(cut, { keep: "nothing" });
      expect(state.next).toEqual([]);
      expect(messages.filter((message) => isAI(message) && message.response_metadata?.stopped)).toEqual([]);
      expect(messages.slice(0, cut.earlier.length)).toEqual(cut.earlier);
      expectAccepted(messages, cut);
    }),
  );

  it(
    "a rollback leaves the turn as plain conversation, every word once",
    forAnyCut((cut) => {
      const { messages, state } = rollBack(cut);
      expect(state.next).toEqual([]);
      expect(messages.slice(0, cut.earlier.length)).toEqual(cut.earlier);
      const turn = messages.slice(cut.earlier.length);
      expect(turn[0]).toMatchObject(cut.asked);
      expect(turn.filter((message) => isTool(message) || message.tool_calls?.length)).toEqual([]);
      expectAllSaid(messages, cut);
      expectAccepted(messages, cut);
    }),
  );
});
