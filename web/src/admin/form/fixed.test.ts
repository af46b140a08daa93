import { expect, test } from "vitest";

import type { Mailing } from "../mailings/api";
import { fixedOf } from "./fixed";

test.each([
  ["created", null, false, "none"],
  ["paused", null, false, "none"],
  ["paused", null, true, "most"],
  ["running", null, true, "most"],
  ["running", {}, true, "recurring"],
  ["paused", {}, false, "none"],
])("of what is %s, with the schedule %j and runs: %s, is fixed: %s", (status, schedule, hasRuns, fixed) => {
  expect(fixedOf({ status, schedule } as Pick<Mailing, "status" | "schedule">, hasRuns)).toBe(fixed);
});
