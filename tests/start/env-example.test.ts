import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../../scripts/root.ts";

const names = (file: string, pattern: RegExp) =>
  [...readFileSync(join(root, file), "utf8").matchAll(pattern)].map(([, name]) => name);

it(".env.example has every variable of the proxy, in their order, after the model's", () => {
  const documented = names(".env.example", /^# ([A-Z_]+)=/gm);
  expect(documented.slice(0, 3)).toEqual(["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"]);
  expect(documented.slice(3)).toEqual(names("proxy/env.ts", /^ {2}([A-Z_]+): /gm));
});
