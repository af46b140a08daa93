/** The values of a mailing's fields in words, where they are no plain texts. */

import { filterInWords } from "../../ui/filterWords";
import { shown } from "../../ui/shown";
import type { Say } from "../../ui/useSay";

type Fields = Record<string, unknown>;

const NAMED: Record<string, string> = {
  message_class: "class",
  on_unknown: "onUnknown",
  priority: "priority",
  status: "status",
};

/** What stands beside a rule or a clock: its label, what it is if nobody has said otherwise, the words of its values, its unit. */
type Beside = readonly [field: string, label: string, usual: unknown, words?: string | null, unit?: number];

const MINUTE = 60;
const BESIDE_SCHEDULE: readonly Beside[] = [
  ["window_s", "windowMinutes", 86_400, null, MINUTE],
  ["count", "count", null],
  ["except_dates", "exceptDates", ""],
  ["missed", "missed", "run_latest", "missedPolicy"],
  ["missed_max", "missedMax", 10],
  ["catch_up_s", "catchUp", null, null, MINUTE],
  ["overlap", "overlap", "skip", "overlapPolicy"],
];
const BESIDE_CLOCK: readonly Beside[] = [
  ["zone", "clockZone", null],
  ["already_passed", "alreadyPassed", "send_now", "alreadyPassed"],
  ["no_zone", "noZone", "mailing_zone", "noZone"],
  ["otherwise", "otherwise", "mailing_zone", "otherwise"],
];

/** Returns a value of a field as text; none is an empty one. */
export function fieldInWords(field: string, value: unknown, say: Say): string {
  if (value === null || value === undefined) return "";
  const words = NAMED[field];
  if (words !== undefined && typeof value === "string") return say(`${words}.${value}`);
  if (typeof value !== "object") return shown(value);
  switch (field) {
    case "filter":
      return filterInWords(value, say).join("; ");
    case "time_policy":
      return [say(`clock.${text(value, "kind")}`), text(value, "at"), ...beside(value, BESIDE_CLOCK, say)].filter(Boolean).join(", ");
    case "quiet_hours":
      return `${text(value, "begins")} – ${text(value, "ends")}`;
    case "schedule":
      return [
        ...((value as Fields)["entries"] as Fields[]).map((each) => entryInWords(each, say)),
        ...beside(value, BESIDE_SCHEDULE, say),
      ].join("; ");
    default:
      return shown(value);
  }
}

/** Returns a rule of a schedule: how often, on which days, at what time, by which clock. */
function entryInWords(entry: Fields, say: Say): string {
  const days = Array.isArray(entry["days"]) ? entry["days"].map((each) => say(`day.${String(each)}`)).join(", ") : "";
  const parts = [say(`entry.${text(entry, "kind")}`), days, dayInWords(entry["on"], say), text(entry, "expression"), text(entry, "at"), text(entry, "zone")];
  return parts.filter(Boolean).join(" ");
}

/** Returns the day of a month; of other rules nothing. */
function dayInWords(on: unknown, say: Say): string {
  if (typeof on !== "object" || on === null) return "";
  const { kind, day, nth, weekday } = on as Fields;
  if (kind === "day") return shown(day);
  return kind === "weekday" ? `${say(`nth.${String(nth)}`)} ${say(`day.${String(weekday)}`)}` : say("onDay.last_day");
}

/** Returns what is not as usual of what stands beside, each with its label. */
function beside(value: object, all: readonly Beside[], say: Say): string[] {
  return all.flatMap(([field, label, usual, words, unit = 1]) => {
    const found = (value as Fields)[field] ?? null;
    const said = shown(typeof found === "number" ? found / unit : found);
    if (found === usual || said === usual || found === null) return [];
    return [`${say(`form.${label}`)}: ${words ? say(`${words}.${said}`) : said}`];
  });
}

function text(value: object, name: string): string {
  const found = (value as Fields)[name];
  return typeof found === "string" ? found : "";
}
