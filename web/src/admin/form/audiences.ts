import { queryOptions } from "@tanstack/react-query";

import { catalog } from "../../api/client";

/** Audiences that are saved under names. */
export const audiences = queryOptions({
  queryKey: ["catalog", "audiences", "names"],
  queryFn: async () => (await catalog.GET("/v1/audiences", { params: { query: { limit: 1000 } } })).data!.items,
  staleTime: 30_000,
});

/** One of them, with the whole of its filter. */
export const audience = (id: string) =>
  queryOptions({
    queryKey: ["catalog", "audiences", "one", id],
    queryFn: async () =>
      (await catalog.GET("/v1/audiences/{audience_id}", { params: { path: { audience_id: id } } })).data!,
    enabled: id !== "",
  });
