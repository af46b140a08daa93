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

test("a body that is no problem is known by its status", () => {
  expect(Problem.read(502, "<html>").title).toBe("HTTP 502");
  expect(Problem.of(new TypeError("Failed to fetch")).status).toBe(0);
});
