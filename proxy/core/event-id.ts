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

/** When the event was made by the server's clock, in milliseconds since 1970; undefined where ids don't say. */
export function timeOf(id: string): number | undefined {
  const time = /^(\d{13,})-\d+$/.exec(id)?.[1];
  return time === undefined ? undefined : Number(time);
}
