import { isObject } from "../core/message.ts";
import { newKey } from "../core/seal.ts";

/** A run creation's body: the fields the proxy looks at; all others pass through it. */
export interface RunBody {
  stream_mode?: unknown;
  stream_resumable?: unknown;
  on_disconnect?: unknown;
  config?: unknown;
  context?: unknown;
  [field: string]: unknown;
}

/** Where a run carries which modes the proxy added: keys like this are shown by `GET` of the run and hardly anywhere else. */
const carrier = "__fermata_added";

/** What stands there: the run's modes, too, since a later run that the proxy didn't create may inherit it. */
interface Carried {
  modes: string[];
  added: string[];
  /** What the run's snapshots are sealed with. */
  key: string;
  /** It is one step of a run that is driven step by step. */
  step?: unknown;
}

/** The mode in which a server tells of tools that start and end; undefined: none is asked for. */
export type ToolMode = "tools" | "events" | undefined;

/**
 * The modes a run lacks for a transcript.
 *
 * Beside `messages` no tuples can be asked for, on Python they would take its
 * place; and Python does not replay `messages`. There the text comes from `events`.
 */
export function modesToAdd(asked: string[], toolMode: ToolMode): string[] {
  const tools = toolMode && !asked.includes(toolMode) ? [toolMode] : [];
  if (asked.includes("messages-tuple")) return tools;
  if (!asked.includes("messages")) return ["messages-tuple", ...tools];
  return toolMode === "tools" || asked.includes("events") ? tools : ["events"];
}

/** What the body asks for; servers stream `values` if it says nothing. */
export function askedModes({ stream_mode }: RunBody): string[] {
  const list = Array.isArray(stream_mode) ? stream_mode : stream_mode == null ? [] : [stream_mode];
  const modes = list.filter((mode): mode is string => typeof mode === "string");
  return modes.length > 0 ? modes : ["values"];
}

/** The body that makes a run stoppable: a transcript can be read off its stream, by any replica, after it has ended. */
export function stoppable(body: RunBody, toolMode: ToolMode): { body: RunBody; added: string[] } {
  const asked = askedModes(body);
  const added = modesToAdd(asked, toolMode);
  return {
    added,
    body: {
      ...body,
      ...carry(body, { modes: [...asked, ...added], added, key: newKey() }),
      stream_mode: [...asked, ...added],
      // What the server would refuse, it is left to refuse.
      stream_resumable: orAsGiven(body.stream_resumable, [true, false], true),
      on_disconnect: orAsGiven(body.on_disconnect, ["cancel", "continue"], "continue"),
    },
  };
}

/** A run of the v2 protocol is stoppable as it is; it only gets the key for its snapshots. */
export function keyed(params: RunBody): { body: RunBody; key: string | undefined } {
  const carried = carry(params, { modes: [], added: [], key: newKey() });
  return { body: { ...params, ...carried }, key: carriedBy(carried)?.key };
}

const orAsGiven = (given: unknown, valid: unknown[], wanted: unknown) =>
  given == null || valid.includes(given) ? wanted : given;

/** Python refuses `configurable` beside a `context`; then the context carries it. */
function carry({ config, context }: RunBody, carried: Carried): Pick<RunBody, "config" | "context"> {
  if (isObject(context)) return { context: { ...context, [carrier]: carried } };
  if (config != null && !isObject(config)) return {};
  const configurable = isObject(config) && isObject(config.configurable) ? config.configurable : {};
  return { config: { ...(config ?? {}), configurable: { ...configurable, [carrier]: carried } } };
}

/** The body, which carries already what makes it stoppable, and now this about its step, too. */
export function withStep(body: RunBody, step: unknown): RunBody {
  const carried = carriedBy(body);
  return carried ? { ...body, ...carry(body, { ...carried, step }) } : body;
}

/** What a run, or the body of one, carries about its step. */
export function carriedStep(kwargs: unknown): unknown {
  return isObject(kwargs) ? carriedBy(kwargs)?.step : undefined;
}

/** The modes that the proxy added to this run, as `GET` of the run tells. */
export function addedModes(run: unknown): string[] {
  return ownCarried(run)?.added ?? [];
}

/** The key of the run's snapshots, which all who may read the run can see. */
export function snapshotKey(run: unknown): string | undefined {
  return isObject(run) && isObject(run.kwargs) ? carriedBy(run.kwargs)?.key : undefined;
}

/** What the run carries, unless it merely inherited it from an earlier one. */
function ownCarried(run: unknown): Carried | undefined {
  const kwargs = isObject(run) && isObject(run.kwargs) ? run.kwargs : {};
  const found = carriedBy(kwargs);
  return found && isSame(found.modes, askedModes({ stream_mode: kwargs.stream_mode })) ? found : undefined;
}

function carriedBy({ config: given, context }: Pick<RunBody, "config" | "context">): Carried | undefined {
  const config = isObject(given) ? given : {};
  const places = [context, config.configurable, config.context];
  return places.map((place) => (isObject(place) ? place[carrier] : undefined)).find(isCarried);
}

const isCarried = (value: unknown): value is Carried =>
  isObject(value) && isStrings(value.modes) && isStrings(value.added) && typeof value.key === "string";

const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string");

const isSame = (some: string[], others: string[]) =>
  JSON.stringify([...some].sort()) === JSON.stringify([...others].sort());

/** Whether a frame is there only because of a mode that was added. */
export function isAddition(event: string | undefined, added: string[]): boolean {
  const [mode] = (event ?? "").split("|");
  if (mode === "messages") return added.includes("messages-tuple");
  return (mode === "tools" || mode === "events") && added.includes(mode);
}
