import { useEffect } from "react";
import type { UseFormReturn } from "react-hook-form";

import type { Values } from "./values";

const nameOf = (which: string) => `mailings.draft.${which}`;

/** What was typed into a form and not saved, kept by this tab: a reload does not lose it. */
export const draft = {
  /** Fills the form with what was kept of it, and keeps what changes. */
  useKept(which: string, form: UseFormReturn<Values>): void {
    useEffect(() => {
      const kept = read(which);
      if (kept) form.reset({ ...form.getValues(), ...kept }, { keepDefaultValues: true });
      const { unsubscribe } = form.watch((values) => write(which, values as Values));
      return unsubscribe;
    }, [which, form]);
  },

  forget(which: string): void {
    try {
      sessionStorage.removeItem(nameOf(which));
    } catch {
      // there was nothing kept
    }
  },
};

function read(which: string): Partial<Values> | null {
  try {
    return JSON.parse(sessionStorage.getItem(nameOf(which)) ?? "null") as Partial<Values> | null;
  } catch {
    return null;
  }
}

function write(which: string, values: Values): void {
  try {
    sessionStorage.setItem(nameOf(which), JSON.stringify(values));
  } catch {
    // without storage a reload begins anew
  }
}
