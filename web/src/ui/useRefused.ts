import { useState } from "react";

import { byField, type FieldProblem, Problem } from "../api/problem";

export interface Options {
  listOf?: (field: string) => readonly string[]; // the entries of a field that is a list, as they were sent
  isEmpty?: (field: string) => boolean; // a text of a wrong length that is not there is said to be needed
}

/** Returns what of a refusal stands still, after some of its fields were corrected. */
export function left(error: unknown, fields: readonly string[], corrected: readonly string[], { listOf, isEmpty }: Options = {}) {
  const none = { own: new Map<string, FieldProblem>(), others: [] as FieldProblem[], error: null };
  if (error === null || error === undefined) return none;
  const { own, others } = byField(Problem.of(error), fields, listOf);
  const still = [...own].filter(([field]) => !corrected.includes(field));
  const isOver = own.size > 0 && still.length === 0 && others.length === 0;
  return {
    own: new Map(still.map(([field, each]) => [field, isEmpty?.(field) ? needed(each) : each])),
    others,
    error: isOver ? null : error, // what stands above the form
  };
}

const needed = (each: FieldProblem): FieldProblem => (each.code === "length" ? { ...each, code: "required" } : each);

/**
 * What was refused of a form: at which fields, and what stands above it. What is said of a field goes as soon as it is
 * corrected (`correct`), and what stands above the form with the last of them.
 */
export function useRefused(error: unknown, fields: readonly string[], options?: Options) {
  const [corrected, setCorrected] = useState<{ of: unknown; fields: readonly string[] }>({ of: null, fields: [] });
  const done = corrected.of === error ? corrected.fields : [];
  const correct = (...which: string[]) => {
    if (which.some((field) => !done.includes(field))) setCorrected({ of: error, fields: [...done, ...which] });
  };
  return { ...left(error, fields, done, options), correct };
}
