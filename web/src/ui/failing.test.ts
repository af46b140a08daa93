import { expect, test } from "vitest";

import { nearlyAllFail, triedOf } from "./failing";

test.each([
  [20, 20, true],
  [18, 20, true],
  [17, 20, false],
  [19, 19, false],
  [0, 0, false],
])("of %i that fail out of %i nearly all do: %s", (failed, tried, said) => {
  expect(nearlyAllFail(failed, tried)).toBe(said);
});

test("what waits for another try has failed so far, and what was never tried counts as nothing", () => {
  expect(triedOf({ delivered: 1, failed: 2, undetermined: 3, retry: 4 })).toEqual({ failed: 9, tried: 10 });
});
