/** The ids of a run's steps, as they become known, for those who wait for them. */
export class StepList {
  #ids: string[];
  #known = false;
  #ended = false;
  #waiting: (() => void)[] = [];

  constructor(firstId: string) {
    this.#ids = [firstId];
  }

  /** The steps as they have just been read. */
  publish(ids: string[]): void {
    if (this.#known && ids.length <= this.#ids.length) return;
    this.#known = true;
    this.#ids = ids;
    this.#tell();
  }

  /** No other one will come. */
  end(): void {
    this.#ended = true;
    this.#tell();
  }

  /** The id of the run that is this step, as soon as there is one; undefined if it comes to none. */
  async at(index: number, signal: AbortSignal): Promise<string | undefined> {
    while (this.#ids[index] === undefined && !this.#ended) {
      await this.#change(signal);
      if (signal.aborted) return undefined;
    }
    return this.#ids[index];
  }

  /** The number of the step that is the latest by now. */
  async latest(signal: AbortSignal): Promise<number> {
    if (!this.#known && !this.#ended) await this.#change(signal);
    return this.#ids.length - 1;
  }

  async #change(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  #tell(): void {
    for (const changed of this.#waiting.splice(0)) changed();
  }
}
