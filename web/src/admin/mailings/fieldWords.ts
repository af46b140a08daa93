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
      return [say(`clock.${text(value, "kind")}`), text(value, "at")].filter(Boolean).join(", ");
    case "quiet_hours":
      return `${text(value, "begins")} – ${text(value, "ends")}`;
    case "schedule":
      return ((value as Fields)["entries"] as Fields[]).map((each) => entryInWords(each, say)).join("; ");
    default:
      return shown(value);
  }
}

/** Returns a rule of a schedule: how often, on which days, at what time, by which clock. */
function entryInWords(entry: Fields, say: Say): string {
  const days = Array.isArray(entry["days"]) ? entry["days"].map((each) => say(`day.${String(each)}`)).join(", ") : "";
  const parts = [say(`entry.${text(entry, "kind")}`), days, text(entry, "expression"), text(entry, "at"), text(entry, "zone")];
  return parts.filter(Boolean).join(" ");
}

function text(value: object, name: string): string {
  const found = (value as Fields)[name];
  return typeof found === "string" ? found : "";
}
