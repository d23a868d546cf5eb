import { isAI, isTool, type Message, textOf } from "../../proxy/core/message.ts";
import { providerViolations } from "../helpers/rules.ts";
import type { StrictModel } from "../helpers/strict-model.ts";
import type { Shown } from "./shown.ts";

/** Text that was shown and is not in the thread under its id, once; or under the id that the graph has given it instead. */
export function lostText(shown: Shown[], messages: Message[], renames = false): string[] {
  return shown.flatMap(({ id, text, spoken }) => {
    const wanted = text.trimEnd();
    if (!spoken || wanted === "") return [];
    const named = messages.filter((message) => message.id === id);
    const renamed = () => messages.filter(({ content }) => textOf(content).startsWith(wanted));
    const found = renames && named.length === 0 ? renamed() : named;
    if (found.length === 1 && textOf(found[0]?.content).startsWith(wanted)) return [];
    return [`${id}: shown ${JSON.stringify(wanted)}, stored ${JSON.stringify(found.map(({ content }) => content))}`];
  });
}

/** Likewise where the stream left words out when it was resumed, or said some twice: each that was shown is there. */
export function lostWords(shown: Shown[], messages: Message[]): string[] {
  return shown.flatMap(({ id, text, spoken }) => {
    const [found, ...more] = messages.filter((message) => message.id === id);
    const stored = textOf(found?.content).split(/\s+/);
    const gone = text.split(/\s+/).filter((word) => word !== "" && !stored.includes(word));
    return spoken && (gone.length > 0 || more.length > 0) ? [`${id}: shown ${gone.join(" ")}, not stored`] : [];
  });
}

/** What the user said stands in the thread once. */
export function lostQuestion(prompt: string, messages: Message[]): string[] {
  const asked = messages.filter(({ type, content }) => type === "human" && textOf(content) === prompt).length;
  return asked === 1 ? [] : [`what the user said stands there ${asked} times`];
}

/**
 * Histories that a provider would refuse, messages that stand twice, under one
 * id or under two, and untrue answers of tools. A result that is missing is
 * only a lie where the server is `exact` about tools, and has `shown` the reply
 * that calls it, which it doesn't of graphs within unless asked to; elsewhere
 * the sentence for a call that was cut is all that can be known.
 */
export function dirt(
  messages: Message[],
  model: StrictModel,
  stoppedAt: number,
  exact: boolean,
  shown?: ReadonlyMap<string, unknown>,
): string[] {
  const ids = messages.flatMap(({ id }) => id ?? []);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `${id} stands twice`);
  const hidden = shown ? messages.filter((message) => isAI(message) && !shown.has(message.id ?? "")) : [];
  const untold = new Set(hidden.flatMap(({ tool_calls = [] }) => tool_calls.map(({ id }) => id)));
  return [
    ...providerViolations(messages),
    ...twice,
    ...saidTwice(messages),
    ...lies(messages, model, stoppedAt, (callId) => exact && !untold.has(callId)),
  ];
}

/** Words that the storm's model makes up; no two of its replies have the same. */
const madeUp = /\bw\d{5}-\d+/;

function saidTwice(messages: Message[]): string[] {
  const texts = messages.filter(isAI).map(({ content }) => textOf(content).trim());
  const twice = texts.filter((text, at) => madeUp.test(text) && texts.indexOf(text) !== at);
  return twice.map((text) => `${JSON.stringify(text)} stands there twice`);
}

/** Slack for an answer that was on its way when the stop came, in milliseconds. */
const onItsWay = 150;

function lies(
  messages: Message[],
  model: StrictModel,
  stoppedAt: number,
  isTold: (callId: string) => boolean,
): string[] {
  return messages.filter(isTool).flatMap((answer) => {
    if (answer.name !== "probe" || !answer.tool_call_id) return [];
    const { startedAt, answeredAt } = model.probe(answer.tool_call_id);
    const text = textOf(answer.content);
    const real = text === `result of ${answer.tool_call_id}`;
    if (real && answeredAt === undefined) return [`${answer.tool_call_id} never finished, but has a result`];
    if (text.includes("never started") && startedAt !== undefined) return [`${answer.tool_call_id} did start`];
    if (text.includes("failed")) return [`${answer.tool_call_id} did not fail`];
    const missed = !real && answeredAt !== undefined && answeredAt < stoppedAt - onItsWay;
    if (missed && isTold(answer.tool_call_id)) return [`${answer.tool_call_id} had finished: ${text}`];
    return [];
  });
}
