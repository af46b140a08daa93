/** A client's profile as a form has it, and as the API does. */
import { plain } from "../../ui/changes";
import type { components } from "../../api/types/catalog";

export type ClientView = components["schemas"]["ClientView"];
export type Weekday = components["schemas"]["Weekday"];
export type PreferredTime = { days: Weekday[]; at: string };

export interface Profile {
  phone: string | null;
  full_name: string | null;
  email: string | null;
  external_id: string | null;
  operator_code: string | null;
  tags: string[];
  time_zone: string | null;
  comment: string | null;
  preferred_times: PreferredTime[];
}

export const FIELDS = [
  "phone",
  "full_name",
  "email",
  "external_id",
  "operator_code",
  "tags",
  "time_zone",
  "comment",
  "preferred_times",
] as const satisfies readonly (keyof Profile)[];

export const WEEKDAYS: readonly Weekday[] = [
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
];

/** What stands in the fields of the form: text, until it is sent. */
export interface Draft {
  phone: string;
  full_name: string;
  email: string;
  external_id: string;
  operator_code: string;
  tags: string;
  time_zone: string;
  comment: string;
  preferred_times: PreferredTime[];
}

export const EMPTY: Draft = {
  phone: "",
  full_name: "",
  email: "",
  external_id: "",
  operator_code: "",
  tags: "",
  time_zone: "",
  comment: "",
  preferred_times: [],
};

export function profileOf(view: ClientView): Profile {
  return {
    phone: view.phone,
    full_name: view.full_name,
    email: view.email,
    external_id: view.external_id,
    operator_code: view.operator_code,
    tags: view.tags,
    time_zone: view.time_zone,
    comment: view.comment,
    preferred_times: view.preferred_times.map(({ days, at }) => ({ days, at })),
  };
}

export function draftOf(profile: Profile): Draft {
  return {
    phone: profile.phone ?? "",
    full_name: profile.full_name ?? "",
    email: profile.email ?? "",
    external_id: profile.external_id ?? "",
    operator_code: profile.operator_code ?? "",
    tags: profile.tags.join(", "),
    time_zone: profile.time_zone ?? "",
    comment: profile.comment ?? "",
    preferred_times: profile.preferred_times,
  };
}

/** Returns what is sent of a draft; empty text is none. */
export function profileFrom(draft: Draft): Profile {
  return {
    phone: textOf(draft.phone),
    full_name: textOf(draft.full_name),
    email: textOf(draft.email),
    external_id: textOf(draft.external_id),
    operator_code: textOf(draft.operator_code),
    tags: tagsOf(draft.tags),
    time_zone: textOf(draft.time_zone),
    comment: textOf(draft.comment),
    preferred_times: draft.preferred_times,
  };
}

function textOf(value: string): string | null {
  return value.trim() || null;
}

/** Returns the tags that commas, semicolons or bars separate, each once. */
export function tagsOf(value: string): string[] {
  const parts = value.split(/[,;|]/).map((each) => each.trim());
  return [...new Set(parts.filter(Boolean))];
}

/** Returns a value of a profile as one line of text; `day` names a weekday. */
export function shown(value: unknown, day: (weekday: Weekday) => string): string {
  if (!Array.isArray(value)) return plain(value);
  return value
    .map((each: string | PreferredTime) =>
      typeof each === "string" ? each : `${each.days.map(day).join(", ")} ${each.at}`,
    )
    .join("; ");
}
