import { useTranslation } from "react-i18next";

import type { FieldProblem, Problem } from "../api/problem";
import { language } from "../words";
import { number } from "./format";

// Of a mistake in a text with variables: where it is, what stands there, and what may be meant.
const PLACE = /^line (\d+), column (\d+)(?:: '(.*)' is none of )?/;
const MEANT = /; did you mean '(\w+)'\?$/;
const ALLOWED = /those that it allows are: (.+)$/; // senders of a gateway

/**
 * Says a refusal in the reader's language, in the words of the mailings' form or of all others first; one whose code has
 * no words is said as the API does.
 */
export function useProblemText(isOfMailing = false): (problem: FieldProblem) => string {
  const { t, i18n } = useTranslation();
  return (problem) => {
    const known = keysOf(problem, isOfMailing).find((key) => i18n.exists(key));
    return ofEntries(problem, known ? t(known, valuesOf(problem)) : problem.detail || problem.code);
  };
}

/** Where the words for a refusal may stand, the closest first; in words `_many` is a plural. */
export function keysOf({ pointer, code: given, detail }: FieldProblem, isOfMailing: boolean): string[] {
  const code = closerCode(given, detail);
  const place = pointer.slice(1).replaceAll("/", "_");
  const [all, form] = [`codes.${code}`, `refusal.${code.replaceAll("_", "-")}`];
  return [`codesAt.${place}.${code}`, ...(isOfMailing ? [form, all] : [all, form])];
}

/** A code whose words depend on what else the refusal says. */
function closerCode(code: string, detail: string): string {
  if (code === "unknown_variable" && MEANT.test(detail)) return "unknown_variable_meant";
  if (code === "sender_not_allowed" && !ALLOWED.test(detail)) return "sender_none_allowed";
  return code;
}

/** What words for a refusal may name of it. */
export function valuesOf({ detail, limits }: FieldProblem) {
  const [, line, column, name] = PLACE.exec(detail) ?? [];
  const [what, names] = [MEANT.exec(detail)?.[1], ALLOWED.exec(detail)?.[1]];
  return { detail, range: rangeOf(limits), line, column, name, what, names };
}

const LONGEST = 40; // of an entry, as it is named

/** Returns what is wrong, behind those entries of a list that it is about. */
export function ofEntries({ entries }: Pick<FieldProblem, "entries">, text: string): string {
  const named = entries?.map((each) => `«${each.length > LONGEST ? `${each.slice(0, LONGEST)}…` : each}»`);
  return named ? `${named.join(", ")}: ${text}` : text;
}

/** Says what failed in the reader's language; a type that has no words is said as the API does. */
export function useProblemTitle(): (problem: Problem) => string {
  const { t, i18n } = useTranslation();
  return ({ type, title }) => {
    const known = `types.${type}`;
    return i18n.exists(known) ? t(known) : title || t("problem.network");
  };
}

/** Returns the limits that were not kept, as the reader writes numbers: `1 – 20,000`. */
export function rangeOf(limits: readonly number[] | null | undefined): string {
  return (limits ?? []).map((each) => number(each, language())).join(" – ");
}
