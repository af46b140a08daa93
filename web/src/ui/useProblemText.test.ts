import { expect, test } from "vitest";

import { rangeOf } from "./useProblemText";

test("the limits that an answer names are kept when it is said in other words", () => {
  expect(rangeOf("at most 11 characters are allowed")).toBe("11");
  expect(rangeOf("1 to 20,000")).toBe("1 – 20,000");
  expect(rangeOf("a value is needed")).toBe("");
});
