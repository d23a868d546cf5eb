import type { Client } from "@langchain/langgraph-sdk";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { Departures } from "../../proxy/stop/departures.ts";
import { Readers } from "../../proxy/stop/readers.ts";

/** The server's store, as it serves one caller, and another whose token has expired. */
function store() {
  const items = new Map<string, unknown>();
  const served = {
    putItem: async (_: string[], key: string, value: unknown) => void items.set(key, value),
    deleteItem: async (_: string[], key: string) => void items.delete(key),
    getItem: async (_: string[], key: string) => items.get(key) ?? null,
  };
  const refuse = () => Promise.reject(Object.assign(new Error("HTTP 401"), { status: 401 }));
  const refused = { putItem: refuse, deleteItem: refuse, getItem: refuse };
  return { served: { store: served } as unknown as Client, refused: { store: refused } as unknown as Client };
}

function replica() {
  const readers = new Readers();
  const said: string[] = [];
  const log = pino({ level: "warn" }, { write: (line) => void said.push(line) });
  return { readers, said, departures: new Departures({ readers, log }) };
}

describe("readers that have left", () => {
  it("are known to other replicas, also after the store has refused somebody else", async () => {
    const { served, refused } = store();
    const [here, elsewhere] = [replica(), replica()];
    for (const runId of ["theirs", "ours"]) here.readers.join(runId)(false);
    expect(await here.departures.note(refused, "theirs")).toBe(false);
    expect(await here.departures.note(served, "ours")).toBe(true);
    expect(await elsewhere.departures.haveLeft(refused, "ours")).toBe(false);
    expect(await elsewhere.departures.haveLeft(served, "ours")).toBe(true);
    await elsewhere.departures.takeBack(served, "ours");
    expect(await elsewhere.departures.haveLeft(served, "ours")).toBe(false);
  });

  it("are left to each replica by a store that refuses, of which the log says so once", async () => {
    const { refused } = store();
    const { readers, departures, said } = replica();
    for (const runId of ["a", "b"]) {
      readers.join(runId)(false);
      expect(await departures.note(refused, runId)).toBe(false);
      expect(await departures.haveLeft(refused, runId)).toBe(true);
    }
    expect(said).toHaveLength(1);
  });
});
