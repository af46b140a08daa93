/** A filter as a form has it: the usual conditions as fields, all others as JSON. */
import type { components } from "../../api/types/catalog";

export type AudienceView = components["schemas"]["AudienceView"];
export type Filter = components["schemas"]["FilterBody"];
type Condition = Record<string, unknown>;

export interface Draft {
  operator_codes: string;
  tags: string;
  all_tags: string;
  no_tags: string;
  time_zones: string;
  contact: "" | "phone" | "email"; // that a client must have
  except_tags: string;
  one_per_contact: boolean;
  include: string; // JSON of what has no field
  exclude: string;
}

export const EMPTY: Draft = {
  operator_codes: "",
  tags: "",
  all_tags: "",
  no_tags: "",
  time_zones: "",
  contact: "",
  except_tags: "",
  one_per_contact: false,
  include: "",
  exclude: "",
};

/** All fields of an audience's form. */
export type Fields = Draft & { name: string };

/** Returns an audience as its form has it: lists written in one way, so that they can be compared. */
export function fieldsOf({ name, filter }: { name: string; filter: AudienceView["filter"] | Filter }): Fields {
  return { name, ...draftOf(filter) };
}

/** Returns the fields of a form as they are sent. */
export function bodyOf({ name, ...draft }: Fields): { name: string; filter: Filter } {
  return { name, filter: filterFrom(draft) };
}

const listed = (values: unknown) => (Array.isArray(values) ? values.join(", ") : "");

/** Returns the values that commas, semicolons or bars separate, each once. */
export function listOf(text: string): string[] {
  const parts = text.split(/[,;|]/).map((each) => each.trim());
  return [...new Set(parts.filter(Boolean))];
}

export function draftOf(filter: AudienceView["filter"] | Filter): Draft {
  const { all_tags, no_tags, time_zones, has_phone, has_email, ...include } = known(filter.include);
  const { tags: except_tags, ...exclude } = known(filter.exclude);
  const contact = has_phone === true ? "phone" : has_email === true ? "email" : "";
  // Of both contacts, or of none, there is no field: they stay with the others.
  if (has_phone !== undefined && contact !== "phone") include["has_phone"] = has_phone;
  if (has_email !== undefined && contact !== "email") include["has_email"] = has_email;
  return {
    operator_codes: listed(filter.operator_codes),
    tags: listed(filter.tags),
    all_tags: listed(all_tags),
    no_tags: listed(no_tags),
    time_zones: listed(time_zones),
    contact,
    except_tags: listed(except_tags),
    one_per_contact: filter.one_per_contact ?? false,
    include: textOf(include),
    exclude: textOf(exclude),
  };
}

/**
 * Returns what is sent.
 *
 * @throws SyntaxError Its `message` is the field whose JSON cannot be read.
 */
export function filterFrom(draft: Draft): Filter {
  const include = {
    ...jsonOf(draft.include, "include"),
    ...(draft.contact ? { [`has_${draft.contact}`]: true } : {}),
    ...some("all_tags", draft.all_tags),
    ...some("no_tags", draft.no_tags),
    ...some("time_zones", draft.time_zones),
  };
  const exclude = { ...jsonOf(draft.exclude, "exclude"), ...some("tags", draft.except_tags) };
  return {
    operator_codes: listOf(draft.operator_codes),
    tags: listOf(draft.tags),
    include: orNone(include),
    exclude: orNone(exclude),
    one_per_contact: draft.one_per_contact,
  };
}

function some(name: string, text: string): Condition {
  const values = listOf(text);
  return values.length > 0 ? { [name]: values } : {};
}

const orNone = (condition: Condition) => (Object.keys(condition).length > 0 ? condition : null);

/** Returns what a condition states; what it does not state is null in the API's views. */
function known(condition: object | null | undefined): Condition {
  return Object.fromEntries(Object.entries(condition ?? {}).filter(([, value]) => value !== null));
}

function textOf(condition: Condition): string {
  const text = (_: string, value: unknown) => (value === null ? undefined : value);
  return Object.keys(condition).length > 0 ? JSON.stringify(condition, text, 1) : "";
}

function jsonOf(text: string, field: string): Condition {
  if (!text.trim()) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SyntaxError(field);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SyntaxError(field);
  return value as Condition;
}
