import { expect, test } from "vitest";

import { keysOf, ofEntries, rangeOf, valuesOf } from "./useProblemText";

test("the limits of a refusal stand in the reader's words as numbers are written there", () => {
  expect(rangeOf([11])).toBe("11");
  expect(rangeOf([1, 20_000])).toBe("1 – 20,000");
  expect(rangeOf(undefined)).toBe("");
});

test("entries of a list stand before what is wrong with them, and of a long one its beginning", () => {
  expect(ofEntries({ entries: ["abc", "t".repeat(101)] }, "Three digits")).toBe(`«abc», «${"t".repeat(40)}…»: Three digits`);
  expect(ofEntries({}, "Three digits")).toBe("Three digits");
});

test("a misspelt field of a text is named with the one that is meant", () => {
  const detail = "line 2, column 8: 'full_nme' is none of full_name, phone; did you mean 'full_name'?";
  const problem = { pointer: "/body", code: "unknown_variable", detail };
  expect(valuesOf(problem)).toMatchObject({ line: "2", column: "8", name: "full_nme", what: "full_name" });
  expect(keysOf(problem, true)).toContain("refusal.unknown-variable-meant");
  expect(keysOf({ ...problem, detail: detail.split("; did")[0]! }, true)).toContain("refusal.unknown-variable");
});

test("a sender that is not allowed is said with those that are, if there are any", () => {
  const detail = "the gateway sends no mails from it; those that it allows are: a@b.example, @c.example";
  const problem = { pointer: "/sender", code: "sender_not_allowed", detail };
  expect(valuesOf(problem).names).toBe("a@b.example, @c.example");
  expect(keysOf(problem, true)).toContain("refusal.sender-not-allowed");
  expect(keysOf({ ...problem, detail: "it allows none" }, true)).toContain("refusal.sender-none-allowed");
});

test("what is wrong at a place has words of its own first", () => {
  expect(keysOf({ pointer: "/name", code: "required", detail: "" }, true)[0]).toBe("codesAt.name.required");
});
