import type { QueryClient } from "@tanstack/react-query";

/**
 * Leaves the screen of what was deleted, and forgets all that was read before: lists and other screens may have it too.
 * Who is back before that is done asks again as well, for an observer does not notice that its query was removed.
 */
export async function leaveDeleted(queries: QueryClient, leave: () => Promise<void>): Promise<void> {
  await queries.invalidateQueries({ refetchType: "none" });
  await leave();
  queries.removeQueries({ type: "inactive" });
  void queries.invalidateQueries();
}
