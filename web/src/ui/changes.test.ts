import { expect, test } from "vitest";

import { changed, differences } from "./changes";

test("a patch has what was changed, also what was emptied", () => {
  const before = { phone: "7916", tags: ["vip"], comment: "x" };
  expect(changed({ phone: "7916", tags: ["vip", "new"], comment: null as string | null }, before)).toEqual({
    tags: ["vip", "new"],
    comment: null,
  });
});

test("a conflict has the fields that either has changed, but not those changed to the same", () => {
  const before = { name: "First", subject: "Old", topic: null as string | null, tags: [] as string[] };
  const theirs = { name: "Theirs", subject: "Same", topic: null, tags: ["vip"] };
  expect(differences(before, { name: "Mine", subject: "Same", topic: "news" }, theirs)).toEqual([
    { field: "name", mine: "Mine", theirs: "Theirs" },
    { field: "topic", mine: "news", theirs: null },
    { field: "tags", mine: null, theirs: "vip" },
  ]);
});
