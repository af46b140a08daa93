import type { UseFormReturn } from "react-hook-form";

import { type FieldProblem, joined, Problem, withEntry } from "../../api/problem";
import { entriesOf, NoJson } from "./body";
import type { Name } from "./Fields";
import { formField } from "./fields";
import type { Values } from "./values";

/** Puts each mistake of a refusal to its field; returns what is left for the top of the form. */
export function refuse(error: unknown, form: UseFormReturn<Values>): Problem | null {
  if (error instanceof NoJson) {
    form.setError(error.field, { type: "json", message: "" }, { shouldFocus: true });
    return null;
  }
  const problem = Problem.of(error);
  const values = form.getValues();
  const own = new Map<Name, FieldProblem>();
  const left = problem.errors.filter((each) => {
    const name = shownName(formField(each.pointer), values);
    if (name === null) return true;
    const found = withEntry(each, entriesOf(name, values));
    const before = own.get(name);
    own.set(name, (before && joined(before, found)) ?? found);
    return false;
  });
  for (const [place, [name, found]] of [...own].entries()) {
    const each = found.code === "length" && isEmpty(form.getValues(name)) ? { ...found, code: "required" } : found;
    const types = { limits: (each.limits ?? []).map(String), ...(each.entries && { entries: [...each.entries] }) };
    form.setError(name, { type: each.code, message: each.detail, types }, { shouldFocus: place === 0 });
  }
  if (problem.errors.length > 0 && left.length === 0) return null;
  return new Problem(problem.status, problem.type, problem.title, left, problem.traceId);
}

/** Whether nothing was typed: then it does not matter how long it may be. */
const isEmpty = (value: unknown) => typeof value === "string" && value.trim() === "";

/** A rule that comes once has its time in another field; a start of now has none. */
function shownName(name: string | null, values: Values): Name | null {
  if (name === null) return null;
  const entry = /^entries\.(\d+)\.at$/.exec(name);
  if (entry && values.entries[Number(entry[1])]?.kind === "once") return `entries.${Number(entry[1])}.onceAt`;
  if (name === "startsAt" && values.begin === "now") return null;
  return name as Name;
}

/** Puts the focus on the first field that was refused, unless one has it: its part had to be opened. */
export function focusRefused(): void {
  setTimeout(() => {
    if (document.activeElement?.matches(".is-invalid")) return;
    document.querySelector<HTMLElement>("form .is-invalid")?.focus();
  }, 50);
}
