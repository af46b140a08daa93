/** What this browser's reader prefers; without storage the defaults hold. */
import { keep } from "../words";

const ZONE = "mailings.zone";
const SHORTCUTS = "mailings.shortcuts";

function kept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export const preferences = {
  /** Returns the zone that times are shown in; undefined: that of the computer. */
  zone(): string | undefined {
    const wanted = kept(ZONE);
    return wanted && isZone(wanted) ? wanted : undefined;
  },

  setZone(zone: string): void {
    keep(ZONE, zone);
  },

  hasShortcuts: (): boolean => kept(SHORTCUTS) !== "off",

  setShortcuts(areOn: boolean): void {
    keep(SHORTCUTS, areOn ? "on" : "off");
  },
};

/** Whether the browser knows a zone of this name. */
export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
