import { expect, test } from "vitest";

import { fieldInWords } from "./fieldWords";

const say = (key: string, values: Record<string, unknown> = {}) => [key, ...Object.values(values)].join(" ");

test.each([
  ["name", "Spring", "Spring"],
  ["topic", null, ""],
  ["max_attempts", 3, "3"],
  ["priority", "urgent", "priority.urgent"],
  ["on_unknown", "prefer_silence", "onUnknown.prefer_silence"],
  ["filter", { operator_codes: [], tags: ["vip"] }, "selects.tags vip"],
  ["filter", { operator_codes: ["916"], tags: [], exclude: { has_email: false } }, "selects.operator_codes 916; selects.except selects.no_email"],
  ["quiet_hours", { begins: "22:00", ends: "08:00" }, "22:00 – 08:00"],
  ["time_policy", { kind: "recipient_local", at: "10:00" }, "clock.recipient_local, 10:00"],
  [
    "schedule",
    { entries: [{ kind: "weekly", days: ["monday", "friday"], at: "09:00", zone: "Europe/Moscow" }, { kind: "cron", expression: "0 9 * * *", zone: "UTC" }] },
    "entry.weekly day.monday, day.friday 09:00 Europe/Moscow; entry.cron 0 9 * * * UTC",
  ],
  [
    "schedule",
    { entries: [{ kind: "monthly", on: { kind: "weekday", nth: 2, weekday: "friday" }, at: "09:00", zone: "UTC" }, { kind: "monthly", on: { kind: "day", day: 5 }, at: "10:00", zone: "UTC" }, { kind: "monthly", on: { kind: "last_day" }, at: "11:00", zone: "UTC" }] },
    "entry.monthly nth.2 day.friday 09:00 UTC; entry.monthly 5 10:00 UTC; entry.monthly onDay.last_day 11:00 UTC",
  ],
  [
    "schedule",
    { entries: [{ kind: "daily", at: "09:00", zone: "UTC" }], window_s: 7_200, count: 5, except_dates: ["2027-01-01", "2027-05-09"], missed: "skip", missed_max: 3, catch_up_s: 600, overlap: "queue" },
    "entry.daily 09:00 UTC; form.windowMinutes: 120; form.count: 5; form.exceptDates: 2027-01-01, 2027-05-09; form.missed: missedPolicy.skip; form.missedMax: 3; form.catchUp: 10; form.overlap: overlapPolicy.queue",
  ],
  [
    "schedule",
    { entries: [{ kind: "daily", at: "09:00", zone: "UTC" }], window_s: 86_400, count: null, except_dates: [], missed: "run_latest", missed_max: 10, catch_up_s: null, overlap: "skip" },
    "entry.daily 09:00 UTC",
  ],
  ["time_policy", { kind: "preferred_times", at: null, zone: "Asia/Omsk", already_passed: "skip", no_zone: "mailing_zone", otherwise: "mailing_zone" }, "clock.preferred_times, form.clockZone: Asia/Omsk, form.alreadyPassed: alreadyPassed.skip"],
])("%s that is %j is said as %s", (field, value, said) => {
  expect(fieldInWords(field, value, say)).toBe(said);
});
