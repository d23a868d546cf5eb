/** When a UUID of version 7 was made, in milliseconds since 1970; undefined for any other. */
export function timeInId(id: string): number | undefined {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-7/i.exec(id) ?? [];
  return high && low ? Number.parseInt(high + low, 16) : undefined;
}
