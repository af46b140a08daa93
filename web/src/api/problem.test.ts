import { expect, test } from "vitest";

import { byField, fieldOf, Problem } from "./problem";

test("a pointer is a path of a form", () => {
  expect(fieldOf("/filter/tags/3")).toBe("filter.tags.3");
  expect(fieldOf("/a~1b/c~0d")).toBe("a/b.c~d");
});

test("each mistake goes to its field, and those of no field stand apart", () => {
  const problem = Problem.read(422, {
    type: "MailingInvalid",
    title: "A mailing cannot be like this.",
    errors: [
      { pointer: "/filter/tags/3", code: "tag", detail: "too long" },
      { pointer: "/body", code: "template", detail: "line 2" },
      { pointer: "", code: "window", detail: "over" },
    ],
  });
  const { own, others } = byField(problem, ["body", "filter.tags"]);
  expect([...own.keys()]).toEqual(["filter.tags", "body"]);
  expect(others.map((each) => each.code)).toEqual(["window"]);
});

test("of a list the entries are named that are wrong, all in one, and nothing stands twice", () => {
  const [codes, zones] = ["/filter/operator_codes", "/filter/include/time_zones"];
  const problem = Problem.read(422, {
    errors: [
      { pointer: `${codes}/1`, code: "operator_code", detail: "" },
      { pointer: `${codes}/2`, code: "operator_code", detail: "" },
      { pointer: `${zones}/0`, code: "time_zone", detail: "" },
      { pointer: codes, code: "too_long", detail: "" },
    ],
  });
  const lists: Record<string, string[]> = { "filter.operator_codes": ["916", "abc", "99999"], "filter.include.time_zones": ["Moscow"] };
  const { own, others } = byField(problem, Object.keys(lists), (field) => lists[field] ?? []);
  expect([...own.values()].map((each) => each.entries)).toEqual([["abc", "99999"], ["Moscow"]]);
  expect(others.map((each) => each.code)).toEqual(["too_long"]);
});

test("a body that is no problem is known by its status", () => {
  expect(Problem.read(502, "<html>").title).toBe("HTTP 502");
  expect(Problem.of(new TypeError("Failed to fetch")).status).toBe(0);
});
