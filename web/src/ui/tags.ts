/** Tags that clients have, for those who type some. */
import { queryOptions, useQueries, useQuery } from "@tanstack/react-query";

import { catalog } from "../api/client";

const FRESH_MS = 60_000;

/** The tags that most clients have, as many as the catalog counts. */
const known = queryOptions({
  queryKey: ["catalog", "facets", "all"],
  queryFn: async ({ signal }) => (await catalog.GET("/v1/clients/facets", { params: { query: {} }, signal })).data!.tags,
  staleTime: FRESH_MS,
  retry: false,
});

const having = (tag: string) =>
  queryOptions({
    queryKey: ["catalog", "facets", "of", tag],
    queryFn: async ({ signal }) =>
      (await catalog.GET("/v1/clients/facets", { params: { query: { tag: [tag] } }, signal })).data!.count,
    staleTime: FRESH_MS,
    retry: false,
  });

export function useKnownTags(): readonly string[] {
  const { data = [] } = useQuery(known);
  return data.map((each) => each.value);
}

/** Returns what may be typed next into a field of tags: what stands there, and one more or the rest of the last one. */
export function completed(typed: string, tags: readonly string[]): string[] {
  const [, before = "", last = ""] = /^(.*[,;|]\s*)?([^,;|]*)$/s.exec(typed) ?? [];
  const has = before.split(/[,;|]/).map((each) => each.trim());
  const wanted = last.trim().toLowerCase();
  return tags
    .filter((each) => !has.includes(each) && each.toLowerCase().includes(wanted))
    .map((each) => `${before}${each}`);
}

/** Returns the tag that differs from a mistyped one by its case alone. */
export function alike(tag: string, tags: readonly string[]): string | undefined {
  return tags.find((each) => each !== tag && each.toLowerCase() === tag.toLowerCase());
}

/** Which of the tags no client has, each with the one that may be meant. */
export function useUnknownTags(asked: readonly string[]): { tag: string; meant: string | undefined }[] {
  const tags = useKnownTags();
  const counts = useQueries({ queries: asked.map(having) });
  return asked.filter((_, place) => counts[place]?.data === 0).map((tag) => ({ tag, meant: alike(tag, tags) }));
}

/** The tags of a filter that clients must have: one that nobody has may be why it selects nobody. */
export function tagsIn(filter: unknown): string[] {
  const { tags = [], include } = (filter ?? {}) as { tags?: string[]; include?: { all_tags?: string[] } | null };
  return [...new Set([...tags, ...(include?.all_tags ?? [])])];
}
