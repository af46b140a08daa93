import { expect, test } from "vitest";

import type { Mailing } from "../mailings/api";
import { changed } from "../../ui/changes";
import { bodyOf, NoJson, startsAtOnce } from "./body";
import { freshValues, type Values, valuesOf, WEEKDAYS } from "./values";

const NOW = new Date("2026-11-29T12:00:00Z");
const ZONE = "Europe/Moscow";
const fresh = (given: Partial<Values> = {}): Values => ({ ...freshValues(NOW, ZONE), name: "Sale", body: "Hi", ...given });

/** What the catalog shows of a mailing that was created with a body. */
function saved(values: Values): Mailing {
  const body = bodyOf(values) as unknown as Record<string, unknown>;
  const starts_at = body["starts_at"] ?? NOW.toISOString();
  return { ...body, starts_at, mailing_id: "m", status: "created", version: 1 } as unknown as Mailing;
}

const RICH: Partial<Values> = {
  gateway: "smtp",
  sender: "Shop <shop@example.com>",
  subject: "Sale",
  html: "<b>Hi</b>",
  operatorCodes: "916, 926",
  tags: "vip, big spender",
  allTags: "loyal",
  noTags: "old",
  timeZones: "Europe/Moscow, Asia/Omsk",
  contact: "has_email",
  onePerContact: true,
  include: '{\n  "or": [\n    {\n      "tags": [\n        "a"\n      ]\n    }\n  ]\n}',
  exclude: '{\n  "tags": [\n    "b"\n  ]\n}',
  begin: "at",
  recurs: true,
  entries: [
    { ...freshValues(NOW, ZONE).entries[0]!, kind: "once", onceAt: "2026-11-29T18:00" },
    { ...freshValues(NOW, ZONE).entries[0]!, kind: "weekdays", days: WEEKDAYS },
    { ...freshValues(NOW, ZONE).entries[0]!, kind: "weekly", days: ["friday", "sunday"] },
    { ...freshValues(NOW, ZONE).entries[0]!, kind: "monthly", on: "weekday", nth: "last", weekday: "friday" },
    { ...freshValues(NOW, ZONE).entries[0]!, kind: "cron", expression: "*/5 9 * * 1" },
  ],
  count: "3",
  exceptDates: "2027-01-01, 2027-05-09",
  windowMinutes: "90",
  missed: "run_all",
  missedMax: "4",
  catchUpMinutes: "30",
  overlap: "queue",
  messageClass: "critical",
  topic: "news",
  priority: "urgent",
  maxAttempts: "5",
  onUnknown: "prefer_silence",
  clock: "preferred_times",
  clockZone: "Asia/Omsk",
  alreadyPassed: "skip",
  noZone: "skip",
  otherwise: "recipient_local",
  hasQuietHours: true,
};

test.each([
  ["the least", {}],
  ["all fields", RICH],
])("a mailing with %s comes back from the form as it was saved", (_, given) => {
  const mailing = saved(fresh({ begin: "at", ...given }));
  expect(changed(bodyOf(fresh({ begin: "at", ...given })), bodyOf(valuesOf(mailing, ZONE)))).toEqual({});
});

test("each time is the instant of its wall time in the zone of the form", () => {
  const body = bodyOf(fresh({ begin: "at", startsAt: "2026-11-30T09:00", endsAt: "2026-11-30T18:30" }));
  expect([body.starts_at, body.ends_at]).toEqual(["2026-11-30T06:00:00.000Z", "2026-11-30T15:30:00.000Z"]);
});

test("what begins now has no start, and what is empty is none", () => {
  const body = bodyOf(fresh());
  expect(body.starts_at).toBeNull();
  expect([body.subject, body.html, body.schedule, body.max_attempts, body.quiet_hours]).toEqual([null, null, null, null, null]);
});

test("what cannot be read is sent as it stands, for the service to refuse it", () => {
  const body = bodyOf(fresh({ maxAttempts: "many", endsAt: "soon" }));
  expect([body.max_attempts, body.ends_at]).toEqual(["many", "soon"]);
});

test("a condition that is no object is refused before it is sent", () => {
  expect(() => bodyOf(fresh({ exclude: "[1]" }))).toThrow(NoJson);
  expect(() => bodyOf(fresh({ include: "{" }))).toThrow(NoJson);
});

test("only what was changed is sent", () => {
  const before = bodyOf(fresh());
  expect(changed(bodyOf(fresh({ name: "Other", tags: "vip" })), before)).toEqual({
    name: "Other",
    filter: { ...before.filter, tags: ["vip"] },
  });
});

test("a rule and clients without a zone have the mailing's, unless another one is named", () => {
  const [rule] = freshValues(NOW, ZONE).entries;
  const rules = [rule!, { ...rule!, zone: "Asia/Omsk" }];
  const body = bodyOf(fresh({ recurs: true, entries: rules, clock: "recipient_local" })) as unknown as Mailing;
  expect(body.schedule!.entries.map((each) => each["zone"])).toEqual([ZONE, "Asia/Omsk"]);
  expect(body.time_policy!.zone).toBe(ZONE);
});

test("a mailing with one zone is edited by its clocks, whatever the reader's are", () => {
  const values = valuesOf(saved(fresh({ begin: "at", startsAt: "2026-11-30T09:00", recurs: true })), "Asia/Omsk");
  expect([values.zone, values.startsAt, values.entries[0]!.zone]).toEqual([ZONE, "2026-11-30T09:00", ""]);
});

test("a mailing with several zones is edited by the reader's, and each rule keeps its own", () => {
  const [rule] = freshValues(NOW, ZONE).entries;
  const rules = [rule!, { ...rule!, zone: "Asia/Omsk" }];
  const values = valuesOf(saved(fresh({ begin: "at", recurs: true, entries: rules })), "Asia/Omsk");
  expect([values.zone, ...values.entries.map((each) => each.zone)]).toEqual(["Asia/Omsk", ZONE, ""]);
});

test("what begins at a time that has passed begins at once, and the form proposes one that has not", () => {
  const at = (startsAt: string) => startsAtOnce(fresh({ begin: "at", startsAt }), NOW.getTime());
  expect([at("2020-01-01T09:00"), at("2099-01-01T09:00"), at("")]).toEqual([true, false, false]);
  expect(startsAtOnce(fresh(), NOW.getTime())).toBe(true);
  expect(startsAtOnce(fresh({ begin: "at" }), NOW.getTime())).toBe(false);
  expect(startsAtOnce(fresh({ recurs: true }), NOW.getTime())).toBe(false);
});
