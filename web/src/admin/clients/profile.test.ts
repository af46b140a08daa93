import { expect, test } from "vitest";

import { changed, differences } from "../../ui/changes";
import { type ClientView, draftOf, EMPTY, type Profile, profileFrom, profileOf, shown, tagsOf } from "./profile";

const ANNA: ClientView = {
  client_id: "01890a5d-ac96-774b-bcce-b302099a8057",
  phone: "79161234567",
  operator_code: "916",
  tags: ["vip", "new"],
  time_zone: "Europe/Moscow",
  email: null,
  external_id: "crm-1",
  full_name: "Anna",
  comment: "one\ntwo",
  preferred_times: [{ id: "mon_09:00", days: ["monday"], at: "09:00" }],
  version: 3,
  created_at: "2026-03-01T09:00:00Z",
  changed_at: "2026-03-01T09:00:00Z",
};

test("a client goes through the form unchanged", () => {
  const before = profileOf(ANNA);
  expect(changed(profileFrom(draftOf(before)), before)).toEqual({});
});

test("an emptied field is sent as null, and nothing else is sent", () => {
  const before = profileOf(ANNA);
  const draft = { ...draftOf(before), comment: " ", preferred_times: [] };
  expect(changed(profileFrom(draft), before)).toEqual({ comment: null, preferred_times: [] });
});

test("an empty form is nobody", () => {
  expect(Object.values(profileFrom(EMPTY)).every((each) => each === null || Array.isArray(each))).toBe(true);
});

test("tags are separated as people do, and each stands once", () => {
  expect(tagsOf(" vip, new;vip | old ,")).toEqual(["vip", "new", "old"]);
});

test("preferred times are shown as a line", () => {
  const theirs: Profile = { ...profileOf(ANNA), preferred_times: [] };
  const mine = { preferred_times: profileOf(ANNA).preferred_times };
  const found = differences(theirs, mine, theirs, (value) => shown(value, (day) => day.slice(0, 3)));
  expect(found).toEqual([{ field: "preferred_times", mine: "mon 09:00", theirs: null }]);
});
