import { describe, expect, it } from "vitest";
import { parseWish } from "../../proxy/routes/stop-wish.ts";

const runId = "01a205d5-7a0a-71b9-9287-0172f09d30f3";

/** What the caller is told of this body. */
function refused(body: object) {
  try {
    parseWish(JSON.stringify(body));
  } catch (error) {
    return JSON.parse(JSON.stringify(error)) as { error: string; field: string; message: string };
  }
  return undefined;
}

it("an empty body stops the whole thread now, and keeps what was said", () => {
  const wish = { action: "interrupt", keep: "partial", when: "now", scope: "thread", dismiss: false };
  expect(parseWish("")).toEqual(wish);
  expect(parseWish("{}")).toEqual(wish);
});

it("a run's id means that run", () => {
  expect(parseWish(JSON.stringify({ run_id: runId })).scope).toBe("run");
});

describe("fields that contradict each other are refused, and both are named", () => {
  it.each([
    [{ scope: "thread", run_id: runId }, "scope", "run_id"],
    [{ dismiss: true, run_id: runId }, "dismiss", "run_id"],
    [{ dismiss: true, scope: "run" }, "dismiss", "scope"],
    [{ dismiss: true, when: "after-step" }, "dismiss", "when"],
    [{ dismiss: true, action: "rollback" }, "dismiss", "action"],
    [{ when: "after-step", action: "rollback" }, "when", "action"],
  ])("%j", (body, field, other) => {
    expect(refused(body)).toMatchObject({ error: "bad_request", field });
    expect(refused(body)?.message).toMatch(new RegExp(`^${field}: .* contradicts ${other}: `));
  });
});

describe("what makes sense together is not refused", () => {
  it.each([
    { when: "after-step", keep: "nothing" },
    { when: "after-step", scope: "run" },
    { when: "after-step", run_id: runId },
    { scope: "run", run_id: runId },
    { scope: "run", action: "rollback", keep: "nothing" },
    { dismiss: true, scope: "thread", keep: "nothing" },
    { dismiss: false, run_id: runId },
  ])("%j", (body) => {
    expect(refused(body)).toBeUndefined();
  });
});

it.each([
  [{ scope: "all" }, "scope"],
  [{ when: "later" }, "when"],
  [{ dismiss: "yes" }, "dismiss"],
  [{ run_id: "1" }, "run_id"],
  [{ what: 1 }, "what"],
])("a field that is wrong is named: %j", (body, field) => {
  expect(refused(body)).toMatchObject({ error: "bad_request", field });
});
