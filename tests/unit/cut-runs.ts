import fc from "fast-check";
import type { Message } from "../../proxy/core/message.ts";
import type { Recording } from "./recording.ts";
import { SimulatedRun } from "./simulated-run.ts";
import type { Form, Server } from "./stream-forms.ts";
import type { Graph } from "./thread-simulator.ts";

/** How servers, providers and graphs differ in what they stream and store. */
export interface Style {
  server: Server;
  form: Form;
  /** One `ToolNode` task answers all calls of a reply, or each has a task. */
  tools: "one task" | "task per call";
  /** The agent is the root graph, or a subgraph that shares the conversation. */
  place: "root" | "nested";
  content: "text" | "blocks" | "items";
  /** A reply has no id while it streams, or the graph stores it under another. */
  ids: "kept" | "none" | "renamed";
  /** How the conversation takes what is written. */
  reducer: "by id" | "append" | "replace";
  key: string;
  /** Another node speaks in the agent's first step. */
  beside: boolean;
  /** What the user sends has an image in it. */
  image: boolean;
}

export interface Step {
  reasoning: string;
  /** Behind the text it thinks again, and says one word more. */
  thinksAgain: boolean;
  text: string;
  /** The chunks' lengths, in code points; the last chunk takes the rest. */
  tears: number[];
  calls: { args: Record<string, unknown>; tear: number }[];
  /** In which order the tools end. */
  order: number[];
}

/** What is true of a call when the run is cut. */
export type Truth = "finished" | "started" | "never";

/** What was streamed of a reply, and whether it had ended. */
export interface Spoken {
  text: string;
  complete: boolean;
  /** Under which it may stand in the thread; none, where it has none of its own. */
  ids: string[];
}

/** A run that was cut, and what is true of it. */
export interface CutRunCase {
  style: Style;
  graph: Graph;
  recording: Recording;
  /** The conversation before the turn. */
  earlier: Message[];
  asked: Message;
  spoken: Spoken[];
  calls: Map<string, Truth>;
  /** What each call asks for, once all of it has streamed. */
  asks: Map<string, Record<string, unknown>>;
  /** Calls of which the server tells that they finished. */
  told: Set<string>;
  signatures: Set<string>;
}

/** Most are as most runs are; and what can't be together is not. */
const style: fc.Arbitrary<Style> = fc
  .record({
    server: fc.constantFrom("js", "python"),
    form: fc.constantFrom("tuples", "tuples", "snapshots", "v2"),
    tools: fc.constantFrom("one task", "task per call"),
    place: fc.constantFrom("root", "nested"),
    content: fc.constantFrom("text", "blocks", "items"),
    ids: fc.constantFrom("kept", "kept", "none", "renamed"),
    reducer: fc.constantFrom("by id", "by id", "by id", "append", "replace"),
    key: fc.constantFrom("messages", "messages", "dialogue"),
    beside: fc.constantFrom(false, false, true),
    image: fc.boolean(),
  } as const)
  .map((chosen): Style => {
    const isPlain = chosen.reducer === "by id" && chosen.place === "root";
    return {
      ...chosen,
      place: chosen.reducer === "by id" ? chosen.place : "root",
      // Each of several tasks would write over what the others have written.
      tools: chosen.reducer === "replace" ? "one task" : chosen.tools,
      ids: chosen.ids === "none" && chosen.form !== "tuples" ? "kept" : chosen.ids,
      content: chosen.form === "v2" && chosen.content === "items" ? "text" : chosen.content,
      beside: chosen.beside && isPlain,
    };
  });

/** Lists as long as they may be are as likely as short ones. */
const size = "max";

const words = (max: number) =>
  fc
    .array(fc.tuple(fc.constantFrom("", "é", "🐉", "👩‍🚀"), fc.constantFrom(" ", "  ", "\n", ", ")), {
      maxLength: max,
      size,
    })
    .map((list) =>
      list
        .map(([prefix, gap]) => `${prefix}#${gap}`)
        .join("")
        .trim(),
    );

const step: fc.Arbitrary<Step> = fc.record({
  reasoning: fc.constantFrom("", "Let me think."),
  thinksAgain: fc.boolean(),
  text: words(6),
  tears: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 6, size }),
  calls: fc.array(
    fc.record({ args: fc.dictionary(fc.constantFrom("a", "b"), fc.json({ maxDepth: 1 })), tear: fc.nat(12) }),
    { maxLength: 3, size },
  ),
  order: fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
});

/** Any run, cut anywhere: after a number of moments, of which each shows something or changes the state. */
export const cutRun: fc.Arbitrary<CutRunCase> = fc
  .record({
    style,
    earlier: fc.array(fc.boolean(), { maxLength: 2 }),
    steps: fc.array(step, { minLength: 1, maxLength: 3, size }),
    cutAt: fc.nat(9999),
  })
  .map(({ style, earlier, steps, cutAt }) => {
    const run = new SimulatedRun(style, earlier);
    const moments = [...run.moments(steps)].length;
    const cut = new SimulatedRun(style, earlier);
    const left = cutAt % moments;
    let at = 0;
    for (const _ of cut.moments(steps)) if (++at > left) break;
    return cut.asCut();
  });
