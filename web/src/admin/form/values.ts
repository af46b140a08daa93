/** What the form of a mailing holds, as texts and choices of its fields. */
import type { Mailing } from "../mailings/api";
import { ownZone, toWall } from "./zoned";

export const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
export const WEEKDAYS = DAYS.slice(0, 5);
export type Day = (typeof DAYS)[number];
// `weekdays`: of each week from Monday to Friday
export const ENTRY_KINDS = ["once", "daily", "weekdays", "weekly", "monthly", "cron"] as const;
export const DAY_KINDS = ["day", "last_day", "weekday"] as const;

export interface EntryValues {
  kind: (typeof ENTRY_KINDS)[number];
  zone: string; // empty: the mailing's
  at: string; // hours and minutes
  onceAt: string; // with the day
  days: Day[];
  on: (typeof DAY_KINDS)[number];
  day: string;
  nth: string; // 1 to 5, or last
  weekday: Day;
  missing: "last_day" | "skip";
  expression: string;
}

export interface Values {
  name: string;
  gateway: string;
  sender: string;
  subject: string;
  body: string;
  html: string;
  audience: string; // the identifier of a saved one; empty: the filter that follows
  operatorCodes: string;
  tags: string;
  allTags: string;
  noTags: string;
  timeZones: string;
  contact: "" | "has_phone" | "has_email";
  onePerContact: boolean;
  include: string; // the rest of it, as JSON
  exclude: string; // as JSON
  zone: string; // the mailing's
  begin: "now" | "at";
  startsAt: string;
  endsAt: string;
  recurs: boolean;
  entries: EntryValues[];
  count: string;
  exceptDates: string;
  windowMinutes: string;
  missed: "run_latest" | "run_all" | "skip";
  missedMax: string;
  catchUpMinutes: string;
  overlap: "skip" | "queue" | "allow";
  messageClass: string;
  topic: string;
  priority: string;
  maxAttempts: string;
  onUnknown: string;
  clock: "" | "recipient_local" | "preferred_times";
  clockZone: string; // empty: the mailing's
  clockAt: string;
  alreadyPassed: string;
  noZone: string;
  otherwise: string;
  hasQuietHours: boolean;
  quietBegins: string;
  quietEnds: string;
}

export function freshEntry(): EntryValues {
  return {
    kind: "daily",
    zone: "",
    at: "09:00",
    onceAt: "",
    days: ["monday"],
    on: "day",
    day: "1",
    nth: "1",
    weekday: "monday",
    missing: "last_day",
    expression: "0 9 * * *",
  };
}

const HOUR_MS = 3_600_000;
const TOMORROW_MS = 24 * HOUR_MS;

/** What a new mailing begins with. */
export function freshValues(now: Date, zone: string = ownZone()): Values {
  const end = new Date(now.getTime() + TOMORROW_MS).toISOString();
  const soon = new Date(Math.ceil((now.getTime() + 1) / HOUR_MS) * HOUR_MS).toISOString(); // a time to begin at lies ahead
  return {
    name: "",
    gateway: "http",
    sender: "",
    subject: "",
    body: "",
    html: "",
    audience: "",
    operatorCodes: "",
    tags: "",
    allTags: "",
    noTags: "",
    timeZones: "",
    contact: "",
    onePerContact: false,
    include: "",
    exclude: "",
    zone,
    begin: "now",
    startsAt: toWall(soon, zone),
    endsAt: toWall(end, zone),
    recurs: false,
    entries: [freshEntry()],
    count: "",
    exceptDates: "",
    windowMinutes: "1440",
    missed: "run_latest",
    missedMax: "10",
    catchUpMinutes: "",
    overlap: "skip",
    messageClass: "marketing",
    topic: "",
    priority: "normal",
    maxAttempts: "",
    onUnknown: "",
    clock: "",
    clockZone: "",
    clockAt: "",
    alreadyPassed: "send_now",
    noZone: "mailing_zone",
    otherwise: "mailing_zone",
    hasQuietHours: false,
    quietBegins: "22:00",
    quietEnds: "09:00",
  };
}

type Json = Record<string, unknown>;
const FLAT = ["all_tags", "no_tags", "time_zones"] as const;

const json = (value: unknown) => (value ? JSON.stringify(value, null, 2) : "");
const list = (value: unknown) => (Array.isArray(value) ? value.join(", ") : "");
const text = (value: unknown) => (typeof value === "number" || typeof value === "string" ? String(value) : "");
const minutes = (seconds: unknown) => (typeof seconds === "number" ? String(seconds / 60) : "");

/** The fields of a saved mailing, to be edited or copied. */
export function valuesOf(mailing: Mailing, reader: string = ownZone()): Values {
  const zone = zoneOf(mailing) ?? reader;
  const fresh = freshValues(new Date(mailing.starts_at), zone);
  const { schedule, time_policy: policy, quiet_hours: quiet } = mailing;
  return {
    ...fresh,
    name: mailing.name,
    gateway: mailing.gateway,
    sender: mailing.sender ?? "",
    subject: mailing.subject ?? "",
    body: mailing.body,
    html: mailing.html ?? "",
    audience: mailing.audience_id ?? "",
    ...filterValues(mailing.filter),
    begin: "at",
    startsAt: toWall(mailing.starts_at, zone),
    endsAt: toWall(mailing.ends_at, zone),
    recurs: schedule !== null,
    ...(schedule ? scheduleValues(schedule, zone) : {}),
    messageClass: mailing.message_class,
    topic: mailing.topic ?? "",
    priority: mailing.priority,
    maxAttempts: text(mailing.max_attempts),
    onUnknown: mailing.on_unknown ?? "",
    clock: (policy?.kind ?? "") as Values["clock"],
    clockZone: other(policy?.zone, zone),
    clockAt: policy?.at ?? "",
    alreadyPassed: policy?.already_passed ?? fresh.alreadyPassed,
    noZone: policy?.no_zone ?? fresh.noZone,
    otherwise: policy?.otherwise ?? fresh.otherwise,
    hasQuietHours: quiet !== null,
    quietBegins: quiet?.begins ?? fresh.quietBegins,
    quietEnds: quiet?.ends ?? fresh.quietEnds,
  };
}

/** Returns the one zone that a mailing has; none: it names none, or several. */
function zoneOf({ schedule, time_policy: policy }: Mailing): string | undefined {
  const entries = (schedule?.entries ?? []) as Json[];
  const named = new Set(entries.map((each) => text(each["zone"])));
  if (named.size === 0 && policy?.zone) named.add(policy.zone);
  return named.size === 1 ? [...named][0] : undefined;
}

/** Returns a zone for its field: none where it is the mailing's. */
const other = (zone: unknown, mailings: string) => (text(zone) === mailings ? "" : text(zone));

function filterValues(filter: Json): Partial<Values> {
  const rest: Json = { ...((filter["include"] as Json | null | undefined) ?? {}) };
  const taken: Json = {};
  for (const name of FLAT) {
    taken[name] = rest[name];
    delete rest[name];
  }
  let contact: Values["contact"] = "";
  for (const name of ["has_phone", "has_email"] as const) {
    if (rest[name] !== true || contact) continue;
    contact = name;
    delete rest[name];
  }
  return {
    operatorCodes: list(filter["operator_codes"]),
    tags: list(filter["tags"]),
    allTags: list(taken["all_tags"]),
    noTags: list(taken["no_tags"]),
    timeZones: list(taken["time_zones"]),
    contact,
    onePerContact: filter["one_per_contact"] === true,
    include: Object.keys(rest).length > 0 ? json(rest) : "",
    exclude: json(filter["exclude"]),
  };
}

function scheduleValues(schedule: Json, zone: string): Partial<Values> {
  const entries = (schedule["entries"] as Json[]).map((each) => entryValues(each, zone));
  return {
    entries,
    count: text(schedule["count"]),
    exceptDates: list(schedule["except_dates"]),
    windowMinutes: minutes(schedule["window_s"]),
    missed: schedule["missed"] as Values["missed"],
    missedMax: text(schedule["missed_max"]),
    catchUpMinutes: minutes(schedule["catch_up_s"]),
    overlap: schedule["overlap"] as Values["overlap"],
  };
}

function entryValues(entry: Json, zone: string): EntryValues {
  const fresh = { ...freshEntry(), zone: other(entry["zone"], zone) };
  const on = entry["on"] as Json | undefined;
  const kind = entry["kind"] as EntryValues["kind"];
  const days = (entry["days"] as Day[] | undefined) ?? fresh.days;
  const isWeekdays = kind === "weekly" && days.length === WEEKDAYS.length && WEEKDAYS.every((each) => days.includes(each));
  return {
    ...fresh,
    kind: isWeekdays ? "weekdays" : kind,
    at: kind === "once" ? fresh.at : text(entry["at"]) || fresh.at,
    onceAt: kind === "once" ? text(entry["at"]) : "",
    days,
    on: (on?.["kind"] as EntryValues["on"] | undefined) ?? fresh.on,
    day: text(on?.["day"]) || fresh.day,
    nth: text(on?.["nth"]) || fresh.nth,
    weekday: (on?.["weekday"] as Day | undefined) ?? fresh.weekday,
    missing: (entry["missing"] as EntryValues["missing"] | undefined) ?? fresh.missing,
    expression: text(entry["expression"]) || fresh.expression,
  };
}
