import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";

interface Lock {
  packages: Record<string, { optionalDependencies?: Record<string, string> }>;
}

const root = resolve(import.meta.dirname, "../..");
const read = <T>(file: string) => JSON.parse(readFileSync(resolve(root, file), "utf8")) as T;

it("the lock file names the packages of every platform, or `npm ci` would refuse it", () => {
  const { packages } = read<Lock>("package-lock.json");
  const locked = new Set(Object.keys(packages).map((path) => path.split("node_modules/").at(-1)));
  const optional = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies),
  );
  expect(optional.length).toBeGreaterThan(0);
  expect(optional.filter((name) => !locked.has(name))).toEqual([]);
});

it("every version in package.json is exact", () => {
  const { dependencies, devDependencies } = read<Record<string, Record<string, string>>>("package.json");
  const versions = Object.entries({ ...dependencies, ...devDependencies });
  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});
