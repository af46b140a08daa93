import { expect, test } from "vitest";

import { changed, differences } from "./changes";

test("a patch has what was changed, also what was emptied", () => {
  const before = { phone: "7916", tags: ["vip"], comment: "x" };
  expect(changed({ phone: "7916", tags: ["vip", "new"], comment: null as string | null }, before)).toEqual({
    tags: ["vip", "new"],
    comment: null,
  });
});

test("a conflict shows only what is wanted otherwise than it is now", () => {
  const shown = (value: unknown) => String(value);
  const now = { name: "Anna P.", phone: "7917", comment: "same" };
  expect(differences({ phone: "7916", comment: "same" }, now, shown)).toEqual([
    { field: "phone", mine: "7916", theirs: "7917" },
  ]);
});
