/** The one rule for the state that is shown of a mailing and of a run, on every screen. */

interface Told {
  status: string;
  is_recurring: boolean;
  run: { number: number };
}

interface Own {
  status: string;
  schedule: unknown;
  missed_reason: string | null;
}

interface Run {
  state: string;
  finished_at: string | null;
  stopped: readonly { since: string | null }[];
  paused: readonly unknown[]; // the switches that hold it
}

/** Returns the status of a mailing by its public figures: of one that recurs also that it waits for its next run. */
export function statusOfLive({ status, is_recurring: recurs, run }: Told): string {
  return status === "planned" && recurs && run.number > 0 ? "between" : status;
}

/** Returns the same by what the catalog knows, and whether a run of it is going on. */
export function statusOfMailing({ status, schedule, missed_reason: missed }: Own, isGoingOn: boolean): string {
  if (schedule === null) return status === "finished" && missed !== null ? "missed" : status;
  return status === "running" && !isGoingOn ? "between" : status;
}

/** Returns the state of a run: one that was stopped is stopped, also when the rest of it is cancelled and it has ended; one that is held is paused. */
export function stateOfRun({ state, finished_at: finished, stopped, paused }: Run): string {
  const wasStopped = stopped.some(({ since }) =>
    since === null || finished === null ? finished === null : Date.parse(since) <= Date.parse(finished),
  );
  if (wasStopped) return "stopped";
  return paused.length > 0 && finished === null ? "paused" : state;
}
