import type { Client } from "@langchain/langgraph-sdk";
import type { Services } from "../services.ts";
import { statusOf } from "../upstream.ts";

/** Where in the server's store it stands that a run's readers have left; the key is the run's id. */
const namespace = ["fermata", "left"];
/** What nobody takes back goes by itself, in minutes. */
const lifetime = 24 * 60;
/** A new message waits no longer for the store, in milliseconds. */
const patience = 2000;

type StoreClient = Pick<Client, "store">;

/**
 * Whether a run's readers have left, through whichever replica. The last of
 * them here has it noted in the server's own store, in their name, and whoever
 * joins the run takes it back. Where the store refuses them, each replica goes
 * by the readers of its own.
 */
export class Departures {
  readonly #services: Pick<Services, "readers" | "log">;
  /** One call after the other for a run: who comes back at once is heard last. */
  readonly #calls = new Map<string, Promise<boolean>>();
  #hasSaid = false;

  constructor(services: Pick<Services, "readers" | "log">) {
    this.#services = services;
  }

  /** A reader has left. Resolves to whether the other replicas can know. */
  async note({ store }: StoreClient, runId: string): Promise<boolean> {
    if (!this.#services.readers.haveLeft(runId)) return false;
    const item = { at: new Date().toISOString() };
    return await this.#inOrder(runId, () => store.putItem(namespace, runId, item, { index: false, ttl: lifetime }));
  }

  /** Somebody reads the run again, or it is dealt with. */
  async takeBack({ store }: StoreClient, runId: string): Promise<void> {
    await this.#inOrder(runId, () => store.deleteItem(namespace, runId));
  }

  /** Whether all readers have left, and none has come back: here, or, if there were none here, elsewhere. */
  async haveLeft(client: StoreClient, runId: string): Promise<boolean> {
    const { readers } = this.#services;
    return readers.haveLeft(runId) || (!readers.areKnown(runId) && (await this.areNoted(client, runId)));
  }

  /** Whether it is noted that they have left. */
  async areNoted({ store }: StoreClient, runId: string): Promise<boolean> {
    let item: unknown;
    await this.#tried(async () => {
      item = await store.getItem(namespace, runId, { signal: AbortSignal.timeout(patience) });
    });
    return item != null;
  }

  #inOrder(runId: string, call: () => Promise<void>): Promise<boolean> {
    const before = this.#calls.get(runId);
    const made = (before ?? Promise.resolve(true))
      .then(() => this.#tried(call))
      .finally(() => {
        if (this.#calls.get(runId) === made) this.#calls.delete(runId);
      });
    this.#calls.set(runId, made);
    return made;
  }

  /**
   * Nobody is to wait, or fail, because of the store; it may refuse one caller and serve the next.
   * Resolves to whether it took the call.
   */
  async #tried(call: () => Promise<void>): Promise<boolean> {
    try {
      await call();
      return true;
    } catch (error) {
      const status = statusOf(error) ?? 500;
      const isRefused = status < 500 && status !== 429;
      if (!isRefused || !this.#hasSaid) {
        this.#services.log.warn({ err: error }, "other replicas don't hear of readers that leave: the store fails");
      }
      this.#hasSaid ||= isRefused;
      return false;
    }
  }
}
