import { beforeEach, expect, test } from "vitest";

import { differs, draft } from "./draft";
import { freshValues } from "./values";

const BEFORE = freshValues(new Date("2026-11-29T12:00:00Z"), "Europe/Moscow");
const TYPED = { ...BEFORE, body: "Hi", tags: "vip" };

beforeEach(() => sessionStorage.clear());

test("a draft belongs to what it was typed for, and to nothing else", () => {
  draft.keep("copy.one", TYPED, BEFORE);
  expect(draft.read("copy.one")?.values).toEqual(TYPED);
  expect([draft.read("new"), draft.read("copy.two"), draft.read("one.1")]).toEqual([null, null, null]);
});

test("a draft is gone once it was saved, left, or typed back to what it began with", () => {
  draft.keep("new", TYPED, BEFORE);
  draft.forget("new");
  expect(draft.read("new")).toBeNull();
  draft.keep("new", TYPED, BEFORE);
  draft.keep("new", BEFORE, BEFORE);
  expect(draft.read("new")).toBeNull();
});

test("only what would be saved differs", () => {
  expect(differs({ ...BEFORE }, BEFORE)).toBe(false);
  expect(differs({ ...BEFORE, clockZone: "Asia/Omsk" }, BEFORE)).toBe(false); // of clocks that are not chosen
  expect(differs({ ...BEFORE, audience: "0191f6c0" }, BEFORE)).toBe(true);
  expect(differs({ ...BEFORE, include: "{" }, BEFORE)).toBe(true);
});

test("what an earlier release has kept is no draft", () => {
  sessionStorage.setItem("mailings.draft.new", JSON.stringify(TYPED));
  expect(draft.read("new")).toBeNull();
});
