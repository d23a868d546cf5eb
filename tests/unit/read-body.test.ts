import { expect, it } from "vitest";
import { asObject, asText } from "../../proxy/read-body.ts";

it("a body goes on number for number", () => {
  const text = '{"a":1.0,"b":1234567890123456789,"c":[1e400,-0.10],"d":{"e":"1.0"},"f":null,"g":true}';
  expect(asText(asObject(text) ?? {})).toBe(text);
});

it.each(["[]", "1", "null", '"text"', "{nonsense", ""])("%j is no object", (text) => {
  expect(asObject(text)).toBeUndefined();
});

it("of a key that comes twice the last counts, as everywhere", () => {
  expect(asObject('{"a":"first","a":"last"}')).toEqual({ a: "last" });
});
