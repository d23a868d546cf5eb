const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;
const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?/g;
/** In milliseconds since 1970; Python numbers a stream's parts by it. */
const clock = /\b1\d{12}\b(-\d+)?/g;

/**
 * Makes what two runs of the same requests answered comparable: ids by the
 * order in which they first come, times and event ids by their kind, and the
 * server's own address by its name.
 */
export function normaliser(bases: string[]): <T>(value: T) => T {
  const seen = new Map<string, string>();
  const name = (id: string) => {
    const known = seen.get(id.toLowerCase()) ?? `<id ${seen.size + 1}>`;
    seen.set(id.toLowerCase(), known);
    return known;
  };
  const text = (given: string) => {
    let plain = given.replace(uuid, name).replace(time, "<time>").replace(clock, "<time>");
    for (const base of bases) plain = plain.replaceAll(base.replace(/^http:\/\//, ""), "<server>");
    return plain;
  };
  const normalise = (value: unknown): unknown => {
    if (typeof value === "string") return text(value);
    if (Array.isArray(value)) return value.map(normalise);
    if (typeof value === "number") return Number.isInteger(value) && value > 1e12 ? "<time>" : value;
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [text(key), normalise(inner)]));
  };
  return <T>(value: T) => normalise(value) as T;
}
