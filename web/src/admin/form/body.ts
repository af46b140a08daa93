/** The form's fields as bodies of requests, and what of them was changed. */
import type { components } from "../../api/types/catalog";
import { type EntryValues, type Values, WEEKDAYS } from "./values";
import { toInstant } from "./zoned";

export type Body = components["schemas"]["NewMailing"];
export type Changes = components["schemas"]["MailingChanges"];
type Json = Record<string, unknown>;

/** A field holds JSON that is none, or no object. */
export class NoJson extends Error {
  constructor(readonly field: "include" | "exclude") {
    super(field);
  }
}

/** Returns the entries of a field that is a list, as they are sent; of another field none. */
export function entriesOf(name: string, values: Values): string[] {
  if (name === "operatorCodes" || name === "exceptDates") return codes(values[name]);
  const lists = ["tags", "allTags", "noTags", "timeZones"] as const;
  const list = lists.find((each) => each === name);
  return list ? words(values[list]) : [];
}

/** Whether a new mailing of these fields begins to send when it is saved. */
export function startsAtOnce({ begin, startsAt, zone, recurs }: Values, now: number): boolean {
  const at = toInstant(startsAt, zone);
  return !recurs && (begin === "now" || (at !== null && Date.parse(at) <= now));
}

const words = (text: string): string[] => text.split(",").map((each) => each.trim()).filter(Boolean);
const codes = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean);
const orNone = (text: string): string | null => text.trim() || null;

/** A number, or the text itself where it is none: the service says what is wrong with it. */
function amount(text: string, factor = 1): number | string | null {
  const given = text.trim();
  if (given === "") return null;
  const value = Number(given.replace(",", "."));
  return Number.isFinite(value) ? Math.round(value * factor * 1_000) / 1_000 : given;
}

function object(text: string, field: NoJson["field"]): Json | null {
  if (text.trim() === "") return null;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new NoJson(field);
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw new NoJson(field);
  return found as Json;
}

/**
 * Returns the body that creates a mailing of the form's fields.
 *
 * What cannot be read stands there as it was typed: the service refuses it, at its field.
 * @throws NoJson
 */
export function bodyOf(values: Values): Body {
  const body: Json = {
    name: values.name,
    gateway: values.gateway,
    sender: orNone(values.sender),
    subject: orNone(values.subject),
    body: values.body,
    html: orNone(values.html),
    audience: orNone(values.audience),
    ...(values.audience ? {} : { filter: filterOf(values) }),
    starts_at: values.begin === "now" ? null : instant(values.startsAt, values.zone),
    ends_at: instant(values.endsAt, values.zone),
    schedule: values.recurs ? scheduleOf(values) : null,
    message_class: values.messageClass,
    topic: orNone(values.topic),
    priority: values.priority,
    max_attempts: amount(values.maxAttempts),
    on_unknown: orNone(values.onUnknown),
    time_policy: policyOf(values),
    quiet_hours: values.hasQuietHours ? { begins: values.quietBegins, ends: values.quietEnds } : null,
  };
  return body as unknown as Body;
}

function instant(wall: string, zone: string): string {
  return toInstant(wall, zone) ?? wall;
}

function filterOf(values: Values): Json {
  const include: Json = { ...object(values.include, "include") };
  const flat: [string, string[]][] = [
    ["all_tags", words(values.allTags)],
    ["no_tags", words(values.noTags)],
    ["time_zones", words(values.timeZones)],
  ];
  for (const [name, list] of flat) if (list.length > 0) include[name] = list;
  if (values.contact) include[values.contact] = true;
  return {
    operator_codes: codes(values.operatorCodes),
    tags: words(values.tags),
    include: Object.keys(include).length > 0 ? include : null,
    exclude: object(values.exclude, "exclude"),
    one_per_contact: values.onePerContact,
  };
}

function scheduleOf(values: Values): Json {
  const window = amount(values.windowMinutes, 60);
  const most = amount(values.missedMax);
  return {
    entries: values.entries.map((each) => entryOf(each, values.zone)),
    count: amount(values.count),
    except_dates: codes(values.exceptDates),
    ...(window === null ? {} : { window_s: window }),
    missed: values.missed,
    ...(most === null ? {} : { missed_max: most }),
    catch_up_s: amount(values.catchUpMinutes, 60),
    overlap: values.overlap,
  };
}

function entryOf(entry: EntryValues, mailings: string): Json {
  const { kind, at } = entry;
  const zone = orNone(entry.zone) ?? mailings;
  switch (kind) {
    case "once":
      return { kind, at: entry.onceAt, zone };
    case "daily":
      return { kind, at, zone };
    case "weekdays":
      return { kind: "weekly", days: WEEKDAYS, at, zone };
    case "weekly":
      return { kind, days: entry.days, at, zone };
    case "monthly":
      return { kind, on: dayOf(entry), at, zone, missing: entry.missing };
    case "cron":
      return { kind, expression: entry.expression, zone };
  }
}

function dayOf({ on, day, nth, weekday }: EntryValues): Json {
  if (on === "last_day") return { kind: on };
  if (on === "day") return { kind: on, day: amount(day) };
  return { kind: on, weekday, nth: nth === "last" ? nth : amount(nth) };
}

function policyOf(values: Values): Json | null {
  if (!values.clock) return null;
  return {
    kind: values.clock,
    zone: orNone(values.clockZone) ?? values.zone,
    at: values.recurs ? null : orNone(values.clockAt),
    already_passed: values.alreadyPassed,
    no_zone: values.noZone,
    otherwise: values.otherwise,
  };
}
