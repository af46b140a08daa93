/** Which of a mailing's runs a screen speaks of. */

interface Run {
  run_id: string;
  created_at: string;
  finished_at: string | null;
  resent_from: string | null;
  planned: number;
}

/** What is said, as a key of words, of a mailing without runs: of one that is planned they are still to come. */
export const noRun = (status: string) => (status === "created" ? "runs.notYet" : "runs.none");

/** Returns runs, the newest first. */
export function newestFirst<R extends Run>(runs: readonly R[]): R[] {
  return [...runs].sort((a, b) => b.created_at.localeCompare(a.created_at));
}

/**
 * Returns the run that is meant where none is chosen: of those that are going on the one with the most messages,
 * else the newest that sends nothing again.
 */
export function mainOf<R extends Run>(runs: readonly R[]): R | undefined {
  const goingOn = runs.filter((each) => each.finished_at === null);
  const largest = goingOn.reduce<R | undefined>((most, each) => (most && most.planned >= each.planned ? most : each), undefined);
  return largest ?? runs.find((each) => each.resent_from === null) ?? runs[0];
}

interface Counted {
  run_id: string;
  scheduled_at: string | null;
  archived_at: string | null;
  by_status: Readonly<Record<string, number>>;
}

/** Returns the runs that have messages of a status (none: of any) to be listed, the newest first. */
export function runsWith(counted: readonly Counted[], status: string | undefined): string[] {
  const has = ({ by_status: counts }: Counted) =>
    status === undefined ? Object.values(counts).some((each) => each > 0) : (counts[status] ?? 0) > 0;
  return counted
    .filter((each) => each.archived_at === null && has(each))
    .sort((a, b) => (b.scheduled_at ?? "9999").localeCompare(a.scheduled_at ?? "9999"))
    .map((each) => each.run_id);
}

/**
 * Returns what stands where a run that has ended is sent again, as a key of words: what opens it, or why the dispatcher
 * would refuse.
 *
 * Of a run and those that send some of it again only one goes on at a time.
 */
export function resendOf(run: Run, runs: readonly Run[], mailing: { status: string }): "open" | "stopped" | "underWay" {
  if (mailing.status === "stopped") return "stopped";
  const first = firstOf(run, runs);
  return runs.some((each) => each.finished_at === null && firstOf(each, runs) === first) ? "underWay" : "open";
}

/** Returns the run that others send again, one of which `run` is; by itself it is that. */
function firstOf(run: Run, runs: readonly Run[]): string {
  const from = runs.find((each) => each.run_id === run.resent_from);
  return from ? firstOf(from, runs) : (run.resent_from ?? run.run_id);
}
