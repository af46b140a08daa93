import type { Mailing, MessageState, Run } from "./api";
import { runsWith } from "./runs";
import { useFigures } from "./useFigures";

/**
 * Returns the runs whose messages are listed: the chosen one, or (none) all that have messages of a status, as the counts
 * have them; and whether messages of some are archived.
 */
export function useListedRuns(
  mailing: Mailing,
  runs: readonly Run[],
  run: Run | undefined,
  status: MessageState | undefined,
): { listed: readonly string[]; isArchived: boolean } {
  const { runs: counted } = useFigures(mailing, runs.length > 0);
  if (run) return { listed: [run.run_id], isArchived: run.archived_at !== null };
  const known = runs.filter((each) => each.archived_at === null).map((each) => each.run_id);
  return {
    listed: counted.length > 0 ? runsWith(counted, status) : known,
    isArchived: [...counted, ...runs].some((each) => each.archived_at !== null),
  };
}
