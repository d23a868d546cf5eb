import { compareIds } from "./event-id.ts";
import type { IdentifiedPart } from "./snapshot.ts";

/**
 * Notices where a replay may repeat itself: Python's in-memory server sends
 * some parts twice to whoever joins just before it has written the run's end.
 *
 * Then ids run backwards, or a part comes again under the id that it shares
 * with those before it; the latter may also be two tokens that are alike.
 */
export class Seam {
  #id?: string;
  #alike = new Set<string>();
  #found = false;

  add({ id, event, data }: IdentifiedPart): void {
    if (this.#found || id === undefined) return;
    if (this.#id !== undefined && (compareIds(id, this.#id) ?? 0) < 0) this.#found = true;
    if (id !== this.#id) this.#alike.clear();
    this.#id = id;
    const part = JSON.stringify([event, data]);
    if (this.#alike.has(part)) this.#found = true;
    this.#alike.add(part);
  }

  get found(): boolean {
    return this.#found;
  }
}
