/** So long a call may keep its place, in milliseconds. */
const longest = 1000;

/**
 * Lets so many calls go on at once; whoever comes then waits, first come,
 * first served. A call that takes long gives its place up: a server that is
 * silent to some is not to hold up all.
 */
export class Turnstile {
  readonly #longest: number;
  #free: number;
  #waiting: (() => void)[] = [];

  /** `longestCall` in milliseconds. */
  constructor(atOnce: number, longestCall = longest) {
    this.#free = atOnce;
    this.#longest = longestCall;
  }

  async pass<T>(call: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((admit) => this.#waiting.push(admit));
    let left = false;
    const leave = () => {
      if (left) return;
      left = true;
      // Who waits longest takes the place over.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    };
    const tooLong = setTimeout(leave, this.#longest);
    try {
      return await call();
    } finally {
      clearTimeout(tooLong);
      leave();
    }
  }
}
