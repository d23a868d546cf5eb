/** Random choices that a seed repeats. */
export interface Dice {
  /** An integer from `low` to `high`, both included. */
  roll(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** Mulberry32 over a hash of the seed: small, and good enough to choose by. */
export function dice(seed: string): Dice {
  let state = 0x811c9dc5;
  for (const char of seed) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const roll = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return {
    roll,
    chance: (probability) => next() < probability,
    pick: (items) => items[roll(0, items.length - 1)] as never,
  };
}
