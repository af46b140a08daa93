import { useTranslation } from "react-i18next";

import type { FieldProblem } from "../api/problem";

/** Says a refusal in the reader's language; one whose code has no words is said as the API does. */
export function useProblemText(): (problem: FieldProblem) => string {
  const { t, i18n } = useTranslation();
  return ({ pointer, code, detail }) => {
    const place = pointer.slice(1).replaceAll("/", "_");
    const known = [`codesAt.${place}.${code}`, `codes.${code}`].find((key) => i18n.exists(key));
    return known ? t(known) : detail || code;
  };
}
