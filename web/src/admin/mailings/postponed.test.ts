import { expect, test } from "vitest";

import { offered, postponed } from "./postponed";

const ZONE = "Europe/Berlin";
// ten hours, on the day before the clocks are put back
const PLANNED = { starts_at: "2026-10-24T08:00:00Z", ends_at: "2026-10-24T18:00:00Z", time_policy: null };

test.each([
  ["hour", "2026-10-24T11:00"],
  ["day", "2026-10-25T10:00"],
  ["week", "2026-10-31T10:00"],
] as const)("a start is offered a %s later, on other days at the same time of day", (offer, wall) => {
  expect(offered(offer, PLANNED.starts_at, ZONE)).toBe(wall);
});

test("an hour later is that as well while the clocks are put back", () => {
  expect(offered("hour", "2026-10-25T00:30:00Z", ZONE)).toBe("2026-10-25T02:30");
});

test("the end moves by as much time as the start, whatever the clocks do", () => {
  const moved = { starts_at: "2026-10-25T09:00:00.000Z", ends_at: "2026-10-25T19:00:00.000Z" };
  expect(postponed(PLANNED, "2026-10-25T10:00", ZONE)).toEqual(moved);
});

test("what each client's own clock is to show moves by as much as the start's", () => {
  const at = (time: string) => ({ ...PLANNED, time_policy: { kind: "recipient_local", at: time } }) as never;
  expect(postponed(at("2026-10-24T12:00"), "2026-10-26T10:30", ZONE)?.time_policy).toEqual({ at: "2026-10-26T12:30" });
  expect(postponed(at("12:00"), "2026-10-26T10:30", ZONE)?.time_policy).toBeUndefined(); // a time of any day
});

test("what is no time yet, or in no zone, moves nothing", () => {
  expect(postponed(PLANNED, "0002-10-26T10:30", ZONE)).toBeNull();
  expect(postponed(PLANNED, "", ZONE)).toBeNull();
  expect(postponed(PLANNED, "2026-10-26T10:30", "Nowhere/City")).toBeNull();
});
