import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";

const tests = resolve(import.meta.dirname, "..");

/** The numbers in `(case 7)`, `(cases 7, 16)`. */
const named = (text: string): number[] =>
  [...text.matchAll(/\(cases? ([\d, ]+)\)/g)].flatMap(([, list = ""]) => list.split(",").map(Number));

it("each of the cases that went wrong for others has a test that names it, with a real server or client", () => {
  const files = readdirSync(tests, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".test.ts"));
  const texts = files.filter((file) => !file.startsWith("unit")).map((file) => join(tests, file));
  const found = new Set(texts.flatMap((file) => named(readFileSync(file, "utf8"))));
  const cases = Array.from({ length: 28 }, (_, index) => index + 1);
  expect(cases.filter((number) => !found.has(number))).toEqual([]);
});
