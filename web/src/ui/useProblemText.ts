import { useTranslation } from "react-i18next";

import type { FieldProblem, Problem } from "../api/problem";
import { language } from "../words";
import { number } from "./format";

/** Says a refusal in the reader's language; one whose code has no words is said as the API does. */
export function useProblemText(): (problem: FieldProblem) => string {
  const { t, i18n } = useTranslation();
  return ({ pointer, code, detail, limits }) => {
    const place = pointer.slice(1).replaceAll("/", "_");
    const known = [`codesAt.${place}.${code}`, `codes.${code}`].find((key) => i18n.exists(key));
    return known ? t(known, { range: rangeOf(limits) }) : detail || code;
  };
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
