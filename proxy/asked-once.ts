/** So long whoever is not told something doesn't ask again, in milliseconds. */
const refusedFor = 60_000;

/**
 * What is asked of the server once, in the name of whoever needs to know it
 * first, and then known to all. Who is not told it leaves it to others; when
 * asking fails, the next one asks again.
 */
export class AskedOnce<T> {
  #known?: T;
  #asked = new Map<string, Promise<T | undefined>>();

  /** `ask` resolves to undefined if the caller is not told. */
  async get(caller: string, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    return this.#known ?? (await (this.#asked.get(caller) ?? this.#ask(caller, ask)));
  }

  /** It has shown. */
  know(answer: T): void {
    this.#known = answer;
  }

  #ask(caller: string, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    const asked = ask();
    this.#asked.set(caller, asked);
    const forget = () => void this.#asked.delete(caller);
    asked.then((answer) => {
      this.#known ??= answer;
      if (answer === undefined) setTimeout(forget, refusedFor).unref();
      else forget();
    }, forget);
    return asked;
  }
}
