/** The pages of the list behind what is searched for; their figures go into the live store. */
import { useCallback, useContext, useEffect, useRef, useState } from "react";

import { Problem } from "../api/problem";
import { StoreContext } from "../live/hooks";
import type { Live, LivePage } from "../live/types";

export interface Pages {
  oldest: string | null; // when the last mailing of the pages was created; null: all are there
  isLoading: boolean;
  problem: unknown;
  more: (() => void) | null;
  again: () => void;
}

export function usePages(q: string, status: string): Pages {
  const store = useContext(StoreContext);
  const [cursor, setCursor] = useState<string | null>(null);
  const [oldest, setOldest] = useState<string | null>(null);
  const [isLoading, setLoading] = useState(true);
  const [problem, setProblem] = useState<unknown>(null);
  const under = useRef<AbortController | null>(null);

  const load = useCallback(
    async (from: string | null) => {
      under.current?.abort();
      const own = new AbortController();
      under.current = own;
      setLoading(true);
      const asked = new URLSearchParams();
      if (q) asked.set("q", q);
      if (status) asked.set("status", status);
      if (from) asked.set("cursor", from);
      const query = asked.size ? `?${asked}` : "";
      try {
        const answer = await fetch(`/public/v1/mailings${query}`, { signal: own.signal });
        const body: unknown = await answer.json().catch(() => null);
        if (!answer.ok) throw Problem.read(answer.status, body);
        const page = body as LivePage;
        store.take(page);
        setCursor(page.next_cursor);
        setOldest(page.next_cursor ? (last(page.items)?.created_at ?? null) : null);
        setProblem(null);
        setLoading(false);
      } catch (error) {
        if (own.signal.aborted) return;
        setProblem(error);
        setLoading(false);
      }
    },
    [q, status, store],
  );

  useEffect(() => {
    const timer = setTimeout(() => void load(null), q ? 200 : 0);
    return () => clearTimeout(timer);
  }, [load, q]);

  useEffect(() => {
    if (problem === null) return undefined;
    const timer = setTimeout(() => void load(null), 3_000);
    return () => clearTimeout(timer);
  }, [problem, load]);

  return {
    oldest,
    isLoading,
    problem,
    more: cursor ? () => void load(cursor) : null,
    again: () => void load(null),
  };
}

function last(items: readonly Live[]): Live | undefined {
  return items[items.length - 1];
}
