import { expect, test } from "vitest";

import { ofEntries, rangeOf } from "./useProblemText";

test("the limits of a refusal stand in the reader's words as numbers are written there", () => {
  expect(rangeOf([11])).toBe("11");
  expect(rangeOf([1, 20_000])).toBe("1 – 20,000");
  expect(rangeOf(undefined)).toBe("");
});

test("entries of a list stand before what is wrong with them, and of a long one its beginning", () => {
  expect(ofEntries({ entries: ["abc", "t".repeat(101)] }, "Three digits")).toBe(`«abc», «${"t".repeat(40)}…»: Three digits`);
  expect(ofEntries({}, "Three digits")).toBe("Three digits");
});
