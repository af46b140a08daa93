import { expect, test } from "vitest";

import { type AudienceView, draftOf, EMPTY, filterFrom } from "./filter";

const FILTER: AudienceView["filter"] = {
  operator_codes: ["916", "903"],
  tags: ["vip"],
  include: { all_tags: ["new"], has_phone: true, has_email: false, or: [{ tags: ["a"] }, { tags: ["b"] }] },
  exclude: { tags: ["complained"], client_ids: ["01890a5d-ac96-774b-bcce-b302099a8057"] },
  one_per_contact: null,
};

test("a filter goes through the form unchanged, also what has no field", () => {
  expect(filterFrom(draftOf(FILTER))).toEqual({ ...FILTER, one_per_contact: false });
});

test("both contacts at once have no one field, and stay", () => {
  const filter = { ...FILTER, include: { has_phone: true, has_email: true } };
  expect(filterFrom(draftOf(filter)).include).toEqual({ has_phone: true, has_email: true });
});

test("an empty form restricts nothing", () => {
  expect(filterFrom(EMPTY)).toEqual({
    operator_codes: [],
    tags: [],
    include: null,
    exclude: null,
    one_per_contact: false,
  });
});

test.each(["{", "[]", "1"])("%s is no condition, and its field is named", (exclude) => {
  expect(() => filterFrom({ ...EMPTY, exclude })).toThrow("exclude");
});
