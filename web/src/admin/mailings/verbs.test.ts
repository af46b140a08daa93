import { expect, test } from "vitest";

import type { Mailing } from "./api";
import { asksFirst, thatAllow, verbsOf } from "./verbs";

const mailing = (status: string, schedule: unknown = null) => ({ status, schedule }) as Pick<Mailing, "status" | "schedule">;

test.each([
  ["created", ["start", "postpone", "edit", "pause", "stop", "delete"]],
  ["running", ["pause", "edit", "stop", "delete"]],
  ["paused", ["resume", "edit", "stop", "delete"]],
  ["stopped", ["copy", "delete"]],
  ["finished", ["copy", "delete"]],
  ["of a later release", []],
])("what is %s allows %j", (status, verbs) => {
  expect(verbsOf(mailing(status))).toEqual(verbs);
});

test("what recurs is neither started nor postponed, but run once more, unless it is paused or over", () => {
  expect(verbsOf(mailing("created", {}))).toEqual(["run", "edit", "pause", "stop", "delete"]);
  expect(verbsOf(mailing("running", {}))[0]).toBe("run");
  expect(verbsOf(mailing("paused", {}))).not.toContain("run");
  expect(verbsOf(mailing("finished", {}))).toEqual(["copy", "delete"]);
});

test("what writes to clients at once asks first, as what has no way back does", () => {
  expect((["start", "run", "stop", "delete"] as const).filter(asksFirst)).toEqual(["start", "run", "stop", "delete"]);
  expect((["pause", "resume"] as const).filter(asksFirst)).toEqual([]);
});

test("of several, a verb is for those that allow it", () => {
  const [running, paused] = [mailing("running"), mailing("paused")];
  expect(thatAllow("resume", [running, paused])).toEqual([paused]);
});
