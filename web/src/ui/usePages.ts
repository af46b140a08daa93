import { useInfiniteQuery } from "@tanstack/react-query";

interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

type Answer<Item> = Promise<{ data?: Page<Item> }>;

/** Asks for a list page by page; `load` gets where the next one begins. */
export function usePages<Item>(
  key: readonly unknown[],
  load: (cursor: string | undefined, signal: AbortSignal) => Answer<Item>,
  everyMs?: number, // for what moves by itself
) {
  return useInfiniteQuery({
    queryKey: key,
    queryFn: async ({ pageParam, signal }) => {
      const { data } = await load(pageParam, signal);
      return data ?? { items: [], next_cursor: null };
    },
    refetchInterval: everyMs ?? false,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}
