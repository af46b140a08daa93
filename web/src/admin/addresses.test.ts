import { expect, test } from "vitest";

import { listed, parse, stringify, texts } from "./addresses";

test("a phone in an address stays text, and one name may have several values", () => {
  const asked = { phone: "79161234567", tag: ["vip", "new & old"] };
  expect(stringify(asked)).toBe("?phone=79161234567&tag=vip&tag=new+%26+old");
  expect(parse(stringify(asked))).toEqual(asked);
});

test("what is empty is not in the address", () => {
  expect(stringify({ phone: "", tag: undefined })).toBe("");
});

test("of an address only what a screen knows is taken", () => {
  expect(texts({ phone: "7916", other: "x", tag: ["a", "b"] }, "phone", "tag")).toEqual({ phone: "7916" });
});

test("one value of a list is a list too", () => {
  expect(listed(parse("?tag=vip"), "tag")).toEqual(["vip"]);
  expect(listed(parse("?tag=vip&tag=new"), "tag")).toEqual(["vip", "new"]);
  expect(listed(parse("?tag="), "tag")).toBeUndefined();
});
