import { expect, test } from "vitest";

import { alike, completed, tagsIn } from "./tags";

const TAGS = ["vip", "spring", "VIP-2"];

test("a field of tags offers those that begin or contain what is typed, behind those that stand there", () => {
  expect(completed("", TAGS)).toEqual(["vip", "spring", "VIP-2"]);
  expect(completed("VI", TAGS)).toEqual(["vip", "VIP-2"]);
  expect(completed("vip, sp", TAGS)).toEqual(["vip, spring"]);
  expect(completed("spring; ", TAGS)).toEqual(["spring; vip", "spring; VIP-2"]);
});

test("a tag that stands there already is not offered again", () => {
  expect(completed("vip, ", TAGS)).toEqual(["vip, spring", "vip, VIP-2"]);
});

test("of a mistyped tag the one is meant that differs by case alone", () => {
  expect(alike("Spring", TAGS)).toBe("spring");
  expect(alike("spring", TAGS)).toBeUndefined();
  expect(alike("sprang", TAGS)).toBeUndefined();
});

test("the tags of a filter that clients must have are each named once", () => {
  expect(tagsIn({ tags: ["vip"], include: { all_tags: ["vip", "new"] } })).toEqual(["vip", "new"]);
  expect(tagsIn({ tags: [], include: null })).toEqual([]);
  expect(tagsIn(undefined)).toEqual([]);
});
