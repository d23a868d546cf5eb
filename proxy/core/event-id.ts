/**
 * Ids of a stream's events: `<milliseconds>-<n>` on Python and the hosted
 * platform, a plain count in JS.
 */
function parse(id: string): [number, number] | undefined {
  const [, first, second = "0"] = /^(\d+)(?:-(\d+))?$/.exec(id) ?? [];
  return first === undefined ? undefined : [Number(first), Number(second)];
}

/** Negative where `a` came before `b`; undefined where their order can't be told. */
export function compareIds(a: string, b: string): number | undefined {
  const [left, right] = [parse(a), parse(b)];
  return left && right ? left[0] - right[0] || left[1] - right[1] : undefined;
}

/** Whether this event came after that one; yes, where there is none to compare, or their order can't be told. */
export const isLater = (id: string | undefined, than: string | undefined): boolean =>
  id === undefined || than === undefined || (compareIds(id, than) ?? 1) > 0;

/** When the event was made by the server's clock, in milliseconds since 1970; undefined where ids don't say. */
export function timeOf(id: string): number | undefined {
  const time = /^(\d{13,})-\d+$/.exec(id)?.[1];
  return time === undefined ? undefined : Number(time);
}

/** The id to read a stream from so that this event is its first, or one that was made shortly before; the start where ids don't say. */
export function justBefore(id: string): string {
  const time = timeOf(id);
  return time === undefined ? "-1" : `${time - 1}-0`;
}
