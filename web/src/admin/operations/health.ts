/** Whether the services are well: one rule for the sentence above them and for their figures. */

const OLD_S = 10; // an event that waits longer to be published
const FAR_BEHIND = 100_000; // records

export type State = "asked" | "ready" | "notReady" | "away";

/** What is seen of a service; null: not shown here, undefined: not known yet. */
export interface Vitals {
  state: State;
  outbox: { age_s: number | null; refused: number } | null | undefined;
  measured: { lag: number; deadLetters: number } | null | undefined;
}

const FAULTS = ["notReady", "away", "oldest", "setAside", "lag", "deadLetters"] as const;
export type Fault = (typeof FAULTS)[number];

/** Returns what is wrong with a service. */
export function faultsOf({ state, outbox, measured }: Vitals): Fault[] {
  const found: Record<Fault, boolean> = {
    notReady: state === "notReady",
    away: state === "away",
    oldest: (outbox?.age_s ?? 0) > OLD_S,
    setAside: (outbox?.refused ?? 0) > 0,
    lag: (measured?.lag ?? 0) > FAR_BEHIND,
    deadLetters: (measured?.deadLetters ?? 0) > 0,
  };
  return FAULTS.filter((each) => found[each]);
}

/** Returns what is to be said of all services together; that all is well only when everything was seen. */
export function verdictOf(all: readonly Vitals[]): "wrong" | "asked" | "unseen" | "well" {
  if (all.some((each) => faultsOf(each).length > 0)) return "wrong";
  const figures = all.flatMap((each) => [each.outbox, each.measured]);
  if (all.some((each) => each.state === "asked") || figures.includes(undefined)) return "asked";
  return figures.includes(null) ? "unseen" : "well";
}
