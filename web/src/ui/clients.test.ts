import { expect, test } from "vitest";

import { inParts } from "./clients";

test("clients are asked for once each, as many at once as the catalog takes", () => {
  expect(inParts(["b", "a", "b", "c"], 2)).toEqual([["a", "b"], ["c"]]);
  expect(inParts([])).toEqual([]);
});
