import { expect, test } from "vitest";

import { reasonOf } from "./reasons";

test.each([
  ["no_email", { key: "reasonOf.no_email", isLookedUp: false }],
  ["status_503", { key: "reasonOf.status", status: "503", isLookedUp: false }],
  ["recipient_550", { key: "reasonOf.recipient", status: "550", isLookedUp: false }],
  ["status_554", { key: "reasonOf.mail", status: "554", isLookedUp: false }],
  ["lookup_status_503", { key: "reasonOf.status", status: "503", isLookedUp: true }],
  ["lookup_timeout", { key: "reasonOf.timeout", isLookedUp: true }],
])("%s is said as %j", (code, said) => {
  expect(reasonOf(code)).toEqual(said);
});
