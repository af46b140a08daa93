import { expect, test } from "vitest";

import { asItIsNow, stateOfRun, statusOfLive, statusOfMailing, whyOf } from "./status";

const BEFORE = "2026-03-01T12:00:00Z";
const END = "2026-03-01T12:00:01.5Z";
const AFTER = "2026-03-01T12:00:02Z";

test.each([
  ["sending", null, [], "sending"],
  ["sending", null, [BEFORE], "stopped"],
  ["sending", null, [null], "stopped"],
  ["finished", END, [BEFORE], "stopped"],
  ["archived", END, [BEFORE], "stopped"],
  ["finished", END, [AFTER], "finished"], // its mailing was, later
  ["finished", END, [AFTER, BEFORE], "stopped"],
  ["finished", END, [null], "finished"],
  ["finished", END, [], "finished"],
])("a run that is %s, ended at %s and was stopped at %j is shown as %s", (state, finished_at, since, shown) => {
  expect(stateOfRun({ state, finished_at, stopped: since.map((each) => ({ since: each })), paused: [] })).toBe(shown);
});

test.each([
  ["sending", null, [], "paused"],
  ["expanding", null, [], "paused"],
  ["sending", null, [BEFORE], "stopped"],
  ["finished", END, [], "finished"],
])("a run that is %s and held, ended at %s and was stopped at %j is shown as %s", (state, finished_at, since, shown) => {
  const stopped = since.map((each) => ({ since: each }));
  expect(stateOfRun({ state, finished_at, stopped, paused: [{ of: "mailing" }] })).toBe(shown);
});

test.each([
  ["running", {}, null, true, "running"],
  ["running", {}, null, false, "between"],
  ["paused", {}, null, false, "paused"],
  ["running", null, null, false, "running"],
  ["finished", null, "window_over", false, "missed"],
  ["finished", null, null, false, "finished"],
  ["stopped", null, "stopped", false, "stopped"],
  ["finished", {}, "overlap", false, "finished"],
])("a %s mailing with the schedule %j is shown as it is", (status, schedule, missed_reason, isGoingOn, shown) => {
  expect(statusOfMailing({ status, schedule, missed_reason }, isGoingOn)).toBe(shown);
});

test.each([
  ["planned", true, 3, "between"],
  ["planned", true, 0, "planned"],
  ["planned", false, 1, "planned"],
  ["running", true, 3, "running"],
  ["stopped", true, 3, "stopped"],
])("everybody sees a %s mailing as those who run it", (status, is_recurring, number, shown) => {
  expect(statusOfLive({ status, is_recurring, run: { number } })).toBe(shown);
});

const GOING_ON = { state: "sending", finished_at: null, stopped: [] };
const BY_MAILING = { of: "mailing" };
const BY_ITSELF = { of: "run" };

test.each([
  ["paused", [], "paused"],
  ["running", [BY_MAILING], "sending"],
  ["running", [BY_MAILING, BY_ITSELF], "paused"],
  ["stopped", [BY_MAILING], "stopped"],
])("of a %s mailing a run that is held by %j is shown in accord with it, as %s", (mailing, paused, shown) => {
  expect(stateOfRun({ ...GOING_ON, paused }, mailing)).toBe(shown);
});

test("a run that has ended stays as it ended, whatever becomes of its mailing", () => {
  expect(stateOfRun({ state: "finished", finished_at: END, stopped: [], paused: [] }, "paused")).toBe("finished");
  expect(stateOfRun({ state: "finished", finished_at: END, stopped: [{ since: AFTER }], paused: [] }, "stopped")).toBe("finished");
});

test.each([
  ["sending", "paused", "paused"],
  ["paused", "running", "resuming"],
  ["paused", "stopped", "stopping"],
  ["sending", "running", "sending"],
  ["run_paused", "running", "run_paused"],
  ["ended", "stopped", "ended"],
  ["archived", "paused", "archived"],
])("why a run is %s of a mailing that is %s is said as %s", (code, status, said) => {
  expect(whyOf(code, { status })).toBe(said);
});

test.each([
  ["created", "running", "running"],
  ["created", "planned", "created"],
  ["created", undefined, "created"],
  ["paused", "running", "paused"],
  ["stopped", "running", "stopped"],
])("a mailing that was %s and is %s by live figures is shown as %s", (status, live, shown) => {
  expect(asItIsNow({ status }, live === undefined ? live : { status: live }).status).toBe(shown);
});
