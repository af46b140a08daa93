import { useQueries } from "@tanstack/react-query";

import { catalog } from "../../api/client";
import type { components } from "../../api/types/catalog";

export type Suppressed = components["schemas"]["SuppressedClientView"];
type Identified = { client_id: string };

const suppressedOf = (ids: string[]) => ({
  queryKey: ["suppressions", "of-clients", ids],
  queryFn: async ({ signal }: { signal: AbortSignal }) => {
    const params = { query: { ids } };
    return (await catalog.GET("/v1/suppressions/clients", { params, signal })).data!.items;
  },
});

/** By what the clients of a list are suppressed, each of its pages asked for by itself. */
export function useSuppressed(pages: readonly { items: readonly Identified[] }[]): ReadonlyMap<string, Suppressed[]> {
  const ids = pages.map((page) => page.items.map((each) => each.client_id)).filter((each) => each.length > 0);
  const found = useQueries({ queries: ids.map(suppressedOf) });
  const byClient = new Map<string, Suppressed[]>();
  for (const each of found.flatMap(({ data }) => data ?? [])) {
    byClient.set(each.client_id, [...(byClient.get(each.client_id) ?? []), each]);
  }
  return byClient;
}
