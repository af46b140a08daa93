/** The token of the services' APIs, where they want one: kept by this tab until it is closed. */

const KEPT = "mailings.token";

let isAsked = false;
const listeners = new Set<() => void>();

export const token = {
  get(): string {
    try {
      return sessionStorage.getItem(KEPT) ?? "";
    } catch {
      return "";
    }
  },

  set(value: string): void {
    try {
      sessionStorage.setItem(KEPT, value);
    } catch {
      // without storage it is asked for again
    }
    isAsked = false;
    listeners.forEach((each) => each());
  },

  /** Notes that a service wants a token, or another one. */
  ask(): void {
    isAsked = true;
    listeners.forEach((each) => each());
  },

  isAsked: (): boolean => isAsked,

  subscribe: (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
