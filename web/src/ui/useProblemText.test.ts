import { expect, test } from "vitest";

import { rangeOf } from "./useProblemText";

test("the limits of a refusal stand in the reader's words as numbers are written there", () => {
  expect(rangeOf([11])).toBe("11");
  expect(rangeOf([1, 20_000])).toBe("1 – 20,000");
  expect(rangeOf(undefined)).toBe("");
});
