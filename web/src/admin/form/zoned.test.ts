import { expect, test } from "vitest";

import { isZone, movedEnd, toInstant, toWall } from "./zoned";

test.each([
  ["2026-11-29T12:00", "Europe/Moscow", "2026-11-29T09:00:00.000Z"],
  ["2026-11-29T12:00", "UTC", "2026-11-29T12:00:00.000Z"],
  ["2026-07-01T00:30", "America/New_York", "2026-07-01T04:30:00.000Z"],
  ["2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30:00.000Z"], // there is no such time: 03:30
  ["2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00.000Z"], // there are two: the first
  ["2026-10-25T03:00", "Europe/Berlin", "2026-10-25T02:00:00.000Z"],
  ["2026-11-29T12:00", "Asia/Kathmandu", "2026-11-29T06:15:00.000Z"],
])("%s in %s is %s", (wall, zone, instant) => {
  expect(toInstant(wall, zone)).toBe(instant);
});

test("a wall time comes back from its instant", () => {
  for (const zone of ["Europe/Moscow", "America/New_York", "Australia/Lord_Howe", "UTC"]) {
    expect(toWall(toInstant("2026-06-15T08:45", zone)!, zone)).toBe("2026-06-15T08:45");
  }
});

test("what is no time or no zone is null", () => {
  expect(toInstant("soon", "UTC")).toBeNull();
  expect(toInstant("2026-11-29T12:00", "Nowhere/City")).toBeNull();
  expect(isZone("")).toBe(false);
});

test("an end moves along with the start, by as much time and not by as much of the clock", () => {
  expect(movedEnd("2026-12-02T10:00", "2026-12-01T10:00", "2026-12-03T09:30", "Europe/Moscow")).toBe("2026-12-04T09:30");
  // the clocks are put back on October 25: a day of 25 hours
  expect(movedEnd("2026-10-24T12:00", "2026-10-23T12:00", "2026-10-24T12:00", "Europe/Berlin")).toBe("2026-10-25T11:00");
});

test("a year that is being typed moves nothing", () => {
  expect(movedEnd("2026-12-02T10:00", "2026-12-01T10:00", "0002-12-03T10:00", "UTC")).toBeNull();
  expect(movedEnd("", "2026-12-01T10:00", "2026-12-03T10:00", "UTC")).toBeNull();
});
