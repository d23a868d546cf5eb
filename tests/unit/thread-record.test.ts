import { expect, it } from "vitest";
import { upToDate } from "../../proxy/core/thread-record.ts";

const said = (...messages: string[]) => ({ messages });
const head = (values: object, next: string[] = [], tasks: object[] = []) => ({
  values,
  next,
  tasks,
  created_at: "2026-01-01T00:00:00Z",
});
const none = { values: {}, next: [], tasks: [], created_at: null };
const thread = (status: string, values: object | null | undefined, others: object = {}) => ({
  thread_id: "t",
  status,
  ...(values === undefined ? {} : { values }),
  ...others,
});

it.each([
  ["idle, and as its state is", thread("idle", said("a")), head(said("a"))],
  ["new", thread("idle", null), none],
  ["new, without values", thread("idle", undefined), none],
  ["waiting", thread("interrupted", said("a")), head(said("a"), ["b"])],
  ["cut behind the proxy's back, on the JS server", thread("idle", undefined), head(said("a"), ["b"])],
])("a thread that is %s comes as it is", (_, shown, state) => {
  expect(upToDate(shown, state)).toBe(shown);
});

it("a turn that was undone is not in its thread", () => {
  const error = { error: "UserInterrupt" };
  const undone = thread("interrupted", said("a", "b"), { error, interrupts: {} });
  const idle = { status: "idle", error: null, interrupts: {} };
  expect(upToDate(undone, head(said("a")))).toEqual({ ...undone, ...idle, values: said("a") });
  expect(upToDate(undone, none)).toEqual({ ...undone, ...idle, values: null });
  expect(upToDate(thread("idle", undefined), head(said("a")))).toEqual(thread("idle", said("a")));
});

it("what waited before a turn that was undone waits again", () => {
  const interrupts = [{ id: "i", value: "May I?" }];
  const waiting = head(said("a"), ["tools"], [{ id: "task", interrupts }, { id: "other" }]);
  const undone = thread("idle", said("a", "b"), { interrupts: {} });
  expect(upToDate(undone, waiting)).toMatchObject({
    status: "interrupted",
    values: said("a"),
    interrupts: { task: interrupts },
  });
});

it("nothing is interrupted where nothing waits", () => {
  expect(upToDate(thread("interrupted", said("a")), head(said("a")))).toEqual(thread("idle", said("a")));
});
