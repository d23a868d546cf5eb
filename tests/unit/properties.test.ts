import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gatherCut, type Stop } from "../../proxy/core/cut.ts";
import { isAI, isTool, type Message, messagesIn, textOf } from "../../proxy/core/message.ts";
import { nextTurnWrite } from "../../proxy/core/plan.ts";
import { turnOf } from "../../proxy/core/turn.ts";
import { providerViolations } from "../helpers/rules.ts";
import { wordsOf } from "../helpers/wire.ts";
import { type CutRunCase, cutRun, resultOf } from "./cut-runs.ts";
import { fold } from "./recording.ts";
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

function stop({ recording, graph }: CutRunCase, wish: Partial<Stop> = {}): Stopped {
  const { run, state, parts } = recording;
  const thread = new ThreadSimulator(graph, state);
  const cut = gatherCut({ ...asked, ...wish }, run, thread.read(), fold(parts));
  const planned = carryOut(thread, cut);
  return { ...planned, thread, messages: messagesIn(planned.state.values, "messages") };
}

function rollBack({ recording, graph, earlier }: CutRunCase): Stopped {
  const { run, state, parts } = recording;
  const left = new ThreadSimulator(graph, state).read();
  const cut = gatherCut({ ...asked, action: "rollback" }, run, left, fold(parts));
  const turn = turnOf(left, earlier, run.kwargs?.input, cut);
  const thread = new ThreadSimulator(graph, { values: { messages: earlier }, tasks: [] });
  const planned = carryOut(thread, cut, (head) => nextTurnWrite(head, cut, earlier, turn));
  return { ...planned, thread, messages: messagesIn(planned.state.values, "messages") };
}

const settings = { numRuns: 200, seed: 4 };

const forAnyCut = (holds: (cut: CutRunCase) => void) => () => fc.assert(fc.property(cutRun, holds), settings);

function expectAccepted(messages: Message[], { signatures }: CutRunCase): void {
  expect(providerViolations(messages, (signature) => signatures.has(signature))).toEqual([]);
}

/** Every word that was streamed of the turn's replies stands in the thread once. */
function expectAllSaid(messages: Message[], { streamed }: CutRunCase): void {
  const stored = messages.filter(isAI).flatMap(wordsOf);
  for (const [id, { text }] of streamed) {
    if (text.trim() === "") continue;
    const own = messages.filter((message) => message.id === id);
    expect(own.map(({ content }) => textOf(content).trimEnd())).toEqual([text.trimEnd()]);
    for (const word of text.split(/\s+/).filter(Boolean)) {
      expect(stored.filter((other) => other === word)).toEqual([word]);
    }
  }
}

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
        const complete = cut.streamed.get(message.id ?? "")?.complete ?? true;
        expect(message.response_metadata?.stopped !== undefined).toBe(!complete);
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
