/** What was typed into a form and not saved, kept by this tab: a reload does not lose it. */
import { changed } from "../../ui/changes";
import { bodyOf } from "./body";
import type { Values } from "./values";

export interface Draft {
  at: string; // when it was typed
  values: Values;
}

const nameOf = (which: string) => `mailings.draft.${which}`;

/** Whether values would save anything else than those that a form began with. */
export function differs(values: Values, before: Values): boolean {
  try {
    const [mine, theirs] = [bodyOf(values), bodyOf(before)];
    return Object.keys({ ...changed(mine, theirs), ...changed(theirs, mine) }).length > 0;
  } catch {
    return true; // a condition that is being typed
  }
}

/** Drafts by what they are of: a new mailing, a copy of one, or a version of one. */
export const draft = {
  read(which: string): Draft | null {
    try {
      const found = JSON.parse(sessionStorage.getItem(nameOf(which)) ?? "null") as Partial<Draft> | null;
      return found?.at && found.values ? { at: found.at, values: found.values } : null;
    } catch {
      return null;
    }
  },

  /** Keeps what differs from what the form began with; what does not is no draft. */
  keep(which: string, values: Values, before: Values): void {
    if (!differs(values, before)) {
      draft.forget(which);
      return;
    }
    try {
      sessionStorage.setItem(nameOf(which), JSON.stringify({ at: new Date().toISOString(), values }));
    } catch {
      // without storage a reload begins anew
    }
  },

  forget(which: string): void {
    try {
      sessionStorage.removeItem(nameOf(which));
    } catch {
      // there was nothing kept
    }
  },
};
