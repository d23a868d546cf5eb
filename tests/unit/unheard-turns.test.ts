import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import type { Run } from "@langchain/langgraph-sdk";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { unheardTurns } from "../../proxy/stop/catch-up.ts";
import { Readers } from "../../proxy/stop/readers.ts";
import type { Stops } from "../../proxy/stop/stops.ts";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

/** A run that began in this second, and ended half a second later. */
const run = (second: number, status: Run["status"]): Run =>
  ({
    run_id: String(second),
    status,
    created_at: at(second),
    updated_at: at(second).replace(".000", ".500"),
  }) as Run;

let readers: Readers;
beforeEach(() => {
  readers = new Readers();
});

const leave = (...seconds: number[]) => {
  for (const second of seconds) readers.join(String(second))(false);
};

/** Somebody reads the thread in this second, and is answered. */
function read(second: number, statusCode = 200): void {
  vi.useFakeTimers({ now: Date.parse(at(second)), toFake: ["Date"] });
  const answer = Object.assign(new EventEmitter(), { statusCode });
  readers.read("t", answer as unknown as ServerResponse);
  vi.useRealTimers();
  answer.emit("finish");
}

/** The turns after stops of these runs by this replica, of which nobody has read. */
function turns(runs: Run[], ...stopped: number[]) {
  const known = stopped.map((second) => ({ run_id: String(second), created_at: at(second) }));
  const stops = { lastOn: () => known.length > 0 && { run: known.at(-1) }, unreadOn: () => known };
  return unheardTurns({ stops: stops as unknown as Stops, readers }, "t", runs);
}

describe("turns of whose end a client may not have heard", () => {
  it("are those that ended when all their readers had left", () => {
    leave(2, 3);
    readers.join("3");
    expect(turns([run(1, "success"), run(2, "success"), run(3, "success")])).toEqual({
      runIds: ["2"],
      since: at(2),
      unread: true,
    });
  });

  it("until the thread is read, after their end, by somebody who is let", () => {
    leave(2);
    const runs = [run(2, "success")];
    read(2);
    read(4, 404);
    expect(turns(runs)?.runIds).toEqual(["2"]);
    read(3);
    expect(turns(runs)).toBeUndefined();
  });

  it("and those that a Stop has found ended, unless somebody reads on", () => {
    readers.join("1");
    for (const second of [1, 2]) readers.stoppedTooLate(String(second));
    expect(turns([run(1, "success"), run(2, "success")])?.runIds).toEqual(["2"]);
  });

  it("and those that were stopped, in whatever order with the others, also where a rollback has deleted them", () => {
    leave(1, 4);
    const runs = [run(1, "success"), run(3, "success"), run(4, "success")];
    expect(turns(runs, 2)).toEqual({ runIds: ["1", "2", "4"], since: at(1), unread: true });
  });

  it("and those that others have cut last: whether they were read, nobody knows", () => {
    leave(3);
    expect(turns([run(1, "error"), run(2, "success")])).toBeUndefined();
    const runs = [run(1, "success"), run(2, "interrupted"), run(3, "success"), run(4, "error")];
    expect(turns(runs)).toEqual({ runIds: ["2", "3", "4"], since: at(2), unread: false });
    expect(turns(runs, 2)).toEqual({ runIds: ["2", "3", "4"], since: at(2), unread: false });
  });
});
