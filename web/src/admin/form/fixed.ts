/** What of a mailing cannot change any more. */
import { createContext } from "react";

import type { Mailing } from "../mailings/api";

/** `most`: all but the name and the end; `recurring`: only that it recurs. */
export type Fixed = "none" | "most" | "recurring";

export const FixedContext = createContext<Fixed>("none");

/** Returns what is fixed: a run that has begun keeps what it began with, and one that runs once has no other. */
export function fixedOf({ status, schedule }: Pick<Mailing, "status" | "schedule">, hasRuns: boolean): Fixed {
  if (status !== "running" && !hasRuns) return "none";
  return schedule === null ? "most" : "recurring";
}
