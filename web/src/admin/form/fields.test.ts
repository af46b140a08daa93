import { expect, test } from "vitest";

import { bodyOf } from "./body";
import { formField } from "./fields";
import { freshEntry, freshValues } from "./values";

test.each([
  ["/name", "name"],
  ["/ends_at", "endsAt"],
  ["/filter/tags/3", "tags"],
  ["/filter/operator_codes/0", "operatorCodes"],
  ["/filter/include/time_zones/1", "timeZones"],
  ["/filter/include/and/0/tags/2", "include"],
  ["/filter/exclude/not/bogus", "exclude"],
  ["/filter", "tags"],
  ["/schedule", "recurs"],
  ["/schedule/entries/0/daily/at", "entries.0.at"],
  ["/schedule/entries/2/once/at", "entries.2.onceAt"],
  ["/schedule/entries/1/weekly/days", "entries.1.days"],
  ["/schedule/entries/1/monthly/on/day/day", "entries.1.day"],
  ["/schedule/entries/1/on/nth", "entries.1.nth"],
  ["/schedule/entries/3/expression", "entries.3.expression"],
  ["/schedule/entries/3/zone", "entries.3.zone"],
  ["/schedule/window_s", "windowMinutes"],
  ["/schedule/missed_max", "missedMax"],
  ["/time_policy/at", "clockAt"],
  ["/quiet_hours/ends", "quietEnds"],
])("%s belongs to the field %s", (pointer, field) => {
  expect(formField(pointer)).toBe(field);
});

test("each part of a body has a field, and what is no part of it has none", () => {
  const values = { ...freshValues(new Date(), "UTC"), recurs: true, hasQuietHours: true, clock: "recipient_local" as const };
  const fields = new Set([...Object.keys(values), ...Object.keys(freshEntry()).map((each) => `entries.0.${each}`)]);
  const walk = (value: unknown, pointer: string): string[] =>
    typeof value === "object" && value !== null
      ? [pointer, ...Object.entries(value).flatMap(([name, inner]) => walk(inner, `${pointer}/${name}`))]
      : [pointer];
  for (const pointer of Object.entries(bodyOf(values)).flatMap(([name, value]) => walk(value, `/${name}`))) {
    expect(fields, pointer).toContain(formField(pointer));
  }
  expect(formField("/surprise")).toBeNull();
  expect(formField("")).toBeNull();
});
