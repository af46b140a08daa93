/** Whom a filter selects, in words: one line for each thing that it states. */

import type { components } from "../api/types/catalog";
import type { Say } from "./useSay";

type Condition = components["schemas"]["ConditionView"];
export type Filter = Partial<components["schemas"]["FilterView"]>;

const LISTS = ["operator_codes", "tags", "all_tags", "no_tags", "time_zones"] as const;
const CONTACTS = ["phone", "email"] as const;

/** Returns the lines of a filter; `say` makes words of a key. Of one that restricts nothing it is one line. */
export function filterInWords(filter: Filter, say: Say): string[] {
  const lines = conditionLines({ operator_codes: filter.operator_codes ?? [], tags: filter.tags ?? [] }, say);
  if (filter.include) lines.push(...conditionLines(filter.include, say));
  if (lines.length === 0) lines.push(say("selects.everybody"));
  if (filter.exclude) lines.push(say("selects.except", { what: joined(filter.exclude, say) }));
  if (filter.one_per_contact) lines.push(say("selects.one_per_contact"));
  return lines;
}

/** Returns what a condition states; all of it must hold. */
function conditionLines(condition: Condition, say: Say): string[] {
  const lines: string[] = [];
  for (const name of LISTS) {
    const values = condition[name] ?? [];
    if (values.length > 0) lines.push(say(`selects.${name}`, { what: values.join(", ") }));
  }
  for (const each of CONTACTS) {
    const has = condition[`has_${each}`];
    if (typeof has === "boolean") lines.push(say(has ? `selects.has_${each}` : `selects.no_${each}`));
  }
  const chosen = (condition.client_ids?.length ?? 0) + (condition.ids_left_out ?? 0);
  if (chosen > 0) lines.push(say("selects.clients", { count: chosen }));
  for (const each of condition.and ?? []) lines.push(...conditionLines(each, say));
  const either = (condition.or ?? []).map((each) => `(${joined(each, say)})`);
  if (either.length > 0) lines.push(say("selects.or", { what: either.join(say("selects.orBetween")) }));
  if (condition.not) lines.push(say("selects.not", { what: joined(condition.not, say) }));
  return lines;
}

function joined(condition: Condition, say: Say): string {
  return conditionLines(condition, say).join("; ") || say("selects.everybody");
}
