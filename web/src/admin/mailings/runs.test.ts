import { expect, test } from "vitest";

import { mainOf, newestFirst, resendOf, runsWith } from "./runs";

const run = (run_id: string, at: number, planned: number, more: { finished_at?: string; resent_from?: string } = {}) => ({
  run_id,
  created_at: `2026-03-01T12:0${at}:00Z`,
  finished_at: null,
  resent_from: null,
  planned,
  ...more,
});
const ENDED = { finished_at: "2026-03-01T13:00:00Z" };

test.each([
  [[run("small", 2, 5), run("large", 1, 9), run("over", 0, 99, ENDED)], "large"],
  [[run("again", 2, 5, { ...ENDED, resent_from: "first" }), run("first", 1, 239, ENDED)], "first"],
  [[run("again", 2, 5, { resent_from: "first" }), run("first", 1, 239, ENDED)], "again"],
  [[run("newest", 2, 1, ENDED), run("first", 1, 239, ENDED)], "newest"],
  [[run("again", 2, 5, { ...ENDED, resent_from: "archived" })], "again"],
  [[], undefined],
])("of %j the one that is meant is %s", (runs, meant) => {
  expect(mainOf(runs)?.run_id).toBe(meant);
});

test("runs stand with the newest first", () => {
  const runs = [run("first", 1, 1), run("last", 3, 1), run("second", 2, 1)];
  expect(newestFirst(runs).map((each) => each.run_id)).toEqual(["last", "second", "first"]);
});

test("listed are those runs whose messages a count has counted", () => {
  const counted = (run_id: string, at: string | null, failed: number, archived_at: string | null = null) => ({
    run_id,
    scheduled_at: at,
    archived_at,
    by_status: { failed, delivered: 1 },
  });
  const all = [
    counted("first", "2026-03-01", 5),
    counted("none", "2026-03-02", 0),
    counted("again", "2026-03-03", 2),
    counted("old", "2026-01-01", 9, "2026-02-01"),
    counted("now", null, 1),
  ];
  expect(runsWith(all, "failed")).toEqual(["now", "again", "first"]);
  expect(runsWith(all, "expired")).toEqual([]);
  expect(runsWith(all, undefined)).toEqual(["now", "again", "none", "first"]);
});

test("a run is sent again unless its mailing is stopped, or it or another one that sends the same goes on", () => {
  const first = run("first", 1, 9, ENDED);
  const second = run("second", 2, 5, { ...ENDED, resent_from: "first" });
  const other = run("other", 1, 9, ENDED);
  const third = run("third", 3, 2, { resent_from: "second" });
  const mailing = { status: "finished" };
  expect(resendOf(first, [second, first], mailing)).toBe("open");
  expect([first, second, other].map((each) => resendOf(each, [third, second, first, other], mailing))).toEqual([
    "underWay",
    "underWay",
    "open",
  ]);
  expect(resendOf(first, [first], { status: "stopped" })).toBe("stopped");
});
