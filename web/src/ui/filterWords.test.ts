import { expect, test } from "vitest";

import { type Filter, filterInWords } from "./filterWords";

/** Says a key by its last word, and its values. */
function say(key: string, values: Record<string, unknown> = {}): string {
  if (key === "selects.orBetween") return " or ";
  return [key.replace("selects.", ""), ...Object.values(values)].join(" ");
}

test.each<[Filter, string[]]>([
  [{ operator_codes: [], tags: [] }, ["everybody"]],
  [{}, ["everybody"]],
  [{ operator_codes: ["916"], tags: ["vip", "new"] }, ["operator_codes 916", "tags vip, new"]],
  [
    { tags: [], include: { all_tags: ["spring", "vip"], time_zones: ["Europe/Moscow"] } },
    ["all_tags spring, vip", "time_zones Europe/Moscow"],
  ],
  [{ include: { has_email: true, has_phone: false } }, ["no_phone", "has_email"]],
  [{ include: { client_ids: ["1", "2"], ids_left_out: 20_000 } }, ["clients 20002"]],
  [{ exclude: { tags: ["old"], has_email: false }, one_per_contact: true }, ["everybody", "except tags old; no_email", "one_per_contact"]],
  [
    { include: { or: [{ tags: ["vip"] }, { and: [{ has_email: true }], not: { no_tags: ["x"] } }] } },
    ["or (tags vip) or (has_email; not no_tags x)"],
  ],
  [{ include: { tags: null, or: null, not: null, client_ids: null } }, ["everybody"]],
])("the filter %j is said as %j", (filter, said) => {
  expect(filterInWords(filter, say)).toEqual(said);
});
