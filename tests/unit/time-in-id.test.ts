import { expect, it } from "vitest";
import { timeInId } from "../../proxy/core/time-in-id.ts";

it("an id of version 7 tells when it was made", () => {
  // The example of RFC 9562.
  expect(timeInId("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")).toBe(Date.parse("2022-02-22T19:22:22Z"));
});

it("no other does", () => {
  expect(timeInId("919108f7-52d1-4320-9bac-f847db4148a8")).toBeUndefined();
  expect(timeInId("no id")).toBeUndefined();
});
