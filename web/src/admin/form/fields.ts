/** Where on the form a mistake belongs that a service has found. */
import { fieldOf } from "../../api/problem";

// the longer names first; what a pointer names more closely belongs to the same field
const FIELDS: readonly (readonly [string, string])[] = [
  ["filter.operator_codes", "operatorCodes"],
  ["filter.tags", "tags"],
  ["filter.include.all_tags", "allTags"],
  ["filter.include.no_tags", "noTags"],
  ["filter.include.time_zones", "timeZones"],
  ["filter.include.has_phone", "contact"],
  ["filter.include.has_email", "contact"],
  ["filter.include", "include"],
  ["filter.exclude", "exclude"],
  ["filter.one_per_contact", "onePerContact"],
  ["filter", "tags"],
  ["schedule.count", "count"],
  ["schedule.except_dates", "exceptDates"],
  ["schedule.window_s", "windowMinutes"],
  ["schedule.missed_max", "missedMax"],
  ["schedule.missed", "missed"],
  ["schedule.catch_up_s", "catchUpMinutes"],
  ["schedule.overlap", "overlap"],
  ["schedule", "recurs"],
  ["time_policy.zone", "clockZone"],
  ["time_policy.at", "clockAt"],
  ["time_policy.already_passed", "alreadyPassed"],
  ["time_policy.no_zone", "noZone"],
  ["time_policy.otherwise", "otherwise"],
  ["time_policy", "clock"],
  ["quiet_hours.begins", "quietBegins"],
  ["quiet_hours.ends", "quietEnds"],
  ["quiet_hours", "hasQuietHours"],
  ["starts_at", "startsAt"],
  ["ends_at", "endsAt"],
  ["message_class", "messageClass"],
  ["max_attempts", "maxAttempts"],
  ["on_unknown", "onUnknown"],
  ["audience", "audience"],
  ["name", "name"],
  ["gateway", "gateway"],
  ["sender", "sender"],
  ["subject", "subject"],
  ["body", "body"],
  ["html", "html"],
  ["topic", "topic"],
  ["priority", "priority"],
];

const ENTRY = /^schedule\.entries\.(\d+)(?:\.(once|daily|weekly|monthly|cron))?(?:\.(.+))?$/;

/** Returns the form's field that a JSON pointer is about; null: it has none of its own. */
export function formField(pointer: string): string | null {
  const path = fieldOf(pointer);
  const entry = ENTRY.exec(path);
  if (entry) return `entries.${entry[1]}.${entryField(entry[2], entry[3] ?? "")}`;
  const found = FIELDS.find(([name]) => path === name || path.startsWith(`${name}.`));
  return found ? found[1] : null;
}

function entryField(kind: string | undefined, rest: string): string {
  const [first = "", ...more] = rest.split(".");
  if (first === "on") return more.includes("nth") ? "nth" : more.includes("day") ? "day" : "on";
  if (first === "at") return kind === "once" ? "onceAt" : "at";
  return ["zone", "days", "missing", "expression"].includes(first) ? first : "kind";
}
