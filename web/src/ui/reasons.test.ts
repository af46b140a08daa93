import { expect, test } from "vitest";

import { reasonOf } from "./reasons";

test.each([
  ["no_email", { key: "reasonOf.no_email", isLookedUp: false }],
  ["status_503", { key: "reasonOf.status", status: "503", isLookedUp: false }],
  ["lookup_status_503", { key: "reasonOf.status", status: "503", isLookedUp: true }],
  ["lookup_timeout", { key: "reasonOf.timeout", isLookedUp: true }],
])("%s is said as %j", (code, said) => {
  expect(reasonOf(code)).toEqual(said);
});
