import { expect, it } from "vitest";
import { Turnstile } from "../../proxy/turnstile.ts";
import { gate } from "../helpers/gate.ts";

it("lets so many calls go on at once, the next when one has ended, whatever came of it", async () => {
  const turnstile = new Turnstile(2);
  const begun: number[] = [];
  const gates = Array.from({ length: 5 }, () => gate<"well" | "ill">());
  const calls = gates.map(({ opened }, n) =>
    turnstile.pass(async () => {
      begun.push(n);
      if ((await opened) === "ill") throw new Error("ill");
      return n;
    }),
  );
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  gates[1]?.open("ill");
  await expect(calls[1]).rejects.toThrow("ill");
  expect(begun).toEqual([0, 1, 2]);
  gates[0]?.open("well");
  expect(await calls[0]).toBe(0);
  for (const { open } of gates) open("well");
  expect(await Promise.all([calls[2], calls[3], calls[4]])).toEqual([2, 3, 4]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  expect(await turnstile.pass(async () => "free again")).toBe("free again");
});

it("a call that takes long gives its place up", async () => {
  const turnstile = new Turnstile(1, 20);
  const slow = gate();
  const first = turnstile.pass(() => slow.opened);
  expect(await turnstile.pass(async () => "at last")).toBe("at last");
  const second = gate();
  const begun: string[] = [];
  const calls = [turnstile.pass(() => second.opened), turnstile.pass(async () => begun.push("third"))];
  slow.open();
  await first;
  // Its place was given up already.
  expect(begun).toEqual([]);
  second.open();
  await Promise.all(calls);
  expect(begun).toEqual(["third"]);
});
