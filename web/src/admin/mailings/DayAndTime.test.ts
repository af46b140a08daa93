import { expect, test } from "vitest";

import { weekday } from "./DayAndTime";

test.each([
  ["en", "Europe/Moscow", "Mon"], // where it is two o'clock already
  ["en", "UTC", "Sun"],
  ["ru", "Europe/Moscow", "пн"],
] as const)("the day of the week is that of clocks in the zone: in %s, by %s it is %s", (language, zone, day) => {
  expect(weekday("2026-03-01T23:00:00Z", language, zone)).toBe(day);
});
