/** How many clients a mailing would go to, by the dispatcher, which sends it. */
import { type QueryClient, queryOptions } from "@tanstack/react-query";

import { dispatcher } from "../../api/client";
import type { components } from "../../api/types/dispatcher";
import { audience } from "./audiences";

export interface Audience {
  gateway: string;
  filter?: unknown;
  audience?: string | null | undefined; // a saved one
}

const COUNTED_EVERY_MS = 30_000; // of a million clients it takes a second of the dispatcher

/** How many clients a filter selects now, and how many of them can be written to by a gateway. */
export const countOf = (filter: unknown, gateway: string) =>
  queryOptions({
    queryKey: ["dispatcher", "audience", filter, gateway],
    enabled: filter !== undefined,
    queryFn: async ({ signal }) => {
      const asked = { filter, gateway } as components["schemas"]["PreviewedAudience"];
      const params = { query: { limit: 1 } };
      return (await dispatcher.POST("/v1/audience-previews", { params, body: asked, signal })).data!;
    },
    refetchInterval: ({ state }) => (state.error ? false : COUNTED_EVERY_MS), // clients are imported meanwhile
    retry: false,
  });

/** Whether it is known that nobody would get a message now. */
export function isForNobody(queries: QueryClient, body: Audience): boolean {
  const saved = body.audience ? queries.getQueryData(audience(body.audience).queryKey) : undefined;
  const filter: unknown = body.audience ? saved?.filter : body.filter;
  const counted = queries.getQueryData(countOf(filter, body.gateway).queryKey);
  return counted?.is_whole === true && counted.messages === 0;
}
