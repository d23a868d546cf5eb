import type { Client } from "@langchain/langgraph-sdk";
import type { Logger } from "pino";
import { seal, unseal } from "../core/seal.ts";
import type { Snapshot } from "../core/snapshot.ts";
import { causeOf, ProxyError } from "../errors.ts";
import { statusOf } from "../upstream.ts";

/** Where in the server's store they are; the key is the run's id. */
const namespace = ["fermata", "snapshots"];
/** An item that nobody deletes, since its thread is never spoken to again, goes by itself, in minutes. */
const lifetime = 7 * 24 * 60;
/** The caller has no business in the store, or the item is not there. */
const refusals = [401, 403, 404];

type StoreClient = Pick<Client, "store">;

/**
 * Snapshots in the LangGraph server's own store, where any replica finds them:
 * sealed, since it may be open to strangers, with the key that the run carries.
 * It may refuse one caller and serve the next; each is to try for themselves.
 */
export class SnapshotStore {
  readonly #log: Pick<Logger, "warn">;
  #hasSaid = false;

  constructor(log: Pick<Logger, "warn">) {
    this.#log = log;
  }

  /** Whether it was taken. The log says once that it was not. */
  async put({ store }: StoreClient, runId: string, key: string, snapshot: Snapshot): Promise<boolean> {
    const item = { sealed: seal(snapshot, key, runId) };
    try {
      await store.putItem(namespace, runId, item, { index: false, ttl: lifetime });
      return true;
    } catch (error) {
      if (!this.#hasSaid) this.#log.warn({ err: error }, "the store refuses: snapshots stay in memory");
      this.#hasSaid = true;
      return false;
    }
  }

  /** Undefined if the caller finds none there; throws `ProxyError` 502 if the store can't tell. */
  async get({ store }: StoreClient, runId: string, key: string | undefined): Promise<Snapshot | undefined> {
    if (!key) return undefined;
    try {
      const item = await store.getItem(namespace, runId);
      const sealed = item?.value.sealed;
      return typeof sealed === "string" ? (unseal(sealed, key, runId) as Snapshot | undefined) : undefined;
    } catch (cause) {
      if (refusals.includes(statusOf(cause) ?? 0)) return undefined;
      const message = `The LangGraph server's store did not say what it has of the run: ${causeOf(cause)}`;
      throw new ProxyError(502, "upstream_failed", message, { cause });
    }
  }

  /** One that can't be deleted is let lie. */
  async remove({ store }: StoreClient, runId: string): Promise<void> {
    try {
      await store.deleteItem(namespace, runId);
    } catch (error) {
      if (refusals.includes(statusOf(error) ?? 0)) return;
      this.#log.warn({ err: error, run_id: runId }, "a snapshot stays in the store until it expires");
    }
  }
}
