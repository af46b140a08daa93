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
  paused: readonly { of: string }[]; // the switches that hold it
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

/**
 * Returns a mailing as it is now: the catalog's answer is asked for from time to time, live figures come by themselves.
 * So one that has begun to send meanwhile is running, whatever was answered before.
 */
export function asItIsNow<M extends { status: string }>(mailing: M, live: { status: string } | undefined): M {
  return mailing.status === "created" && live?.status === "running" ? { ...mailing, status: "running" } : mailing;
}

/**
 * Returns the state of a run: one that was stopped is stopped, also when the rest of it is cancelled and it has ended; one that is held is paused.
 *
 * What the catalog says of its mailing, `of`, is newer than the mailing's switches here, which follow it.
 */
export function stateOfRun({ state, finished_at: finished, stopped, paused }: Run, of?: string): string {
  const wasStopped = stopped.some(({ since }) =>
    since === null || finished === null ? finished === null : Date.parse(since) <= Date.parse(finished),
  );
  if (wasStopped) return "stopped";
  if (finished !== null) return state;
  if (of === "stopped") return "stopped";
  const isHeld = paused.some((each) => of === undefined || each.of === "run") || of === "paused";
  return isHeld ? "paused" : state;
}

/**
 * Returns why a run is where it is, as a code, in accord with what the catalog says of its mailing, which is newer;
 * `resuming` and `stopping` are said until the dispatcher has followed.
 */
export function whyOf(code: string, mailing: { status: string }): string {
  if (code === "ended" || code === "archived") return code;
  switch (mailing.status) {
    case "stopped":
      return "stopping";
    case "paused":
      return "paused";
    default:
      return code === "paused" ? "resuming" : code;
  }
}
