import { expect, it } from "vitest";
import { hidesSlash, inOneSpelling } from "../../proxy/one-spelling.ts";

it.each([
  "/threads/1/runs/2/stream?q=%73#%2f",
  "/store/items?key=a/../b",
  "/files/a%2Fb%20c",
  "/threads/..1/x",
  "/a//b",
  "/",
  "*",
  "*%41",
  "threads/%41",
  "http://elsewhere/threads",
])("%s stays as it came", (target) => expect(inOneSpelling(target)).toBe(target));

it.each([
  ["/threads/1/%73tream?%73=1", "/threads/1/stream?%73=1"],
  ["/run%73/1/strea%6D", "/runs/1/stream"],
  ["/threads/1/%2573tream", "/threads/1/%2573tream"],
  ["/x/../threads/1", "/threads/1"],
  ["/x/%2e%2E/threads/./1", "/threads/1"],
  ["/threads\\1/stream", "/threads/1/stream"],
  ["/threads/%2E%2E%2f%61", "/threads/..%2fa"],
  ["/..", "/"],
  ["http://elsewhere/%74hreads?x", "/threads?x"],
])("%s is %s", (target, spelt) => expect(inOneSpelling(target)).toBe(spelt));

it.each(["/threads%2F1/stream", "/threads/1%5cstream", "/runs/1%2fstream?x"])("%s hides a slash", (target) =>
  expect(hidesSlash(target)).toBe(true),
);

it.each(["/threads/1/stream?x=%2f", "/files/a%2Fb", "/threads/1%20"])("%s hides none", (target) =>
  expect(hidesSlash(target)).toBe(false),
);
