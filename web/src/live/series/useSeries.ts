import { useEffect, useState } from "react";

import { Problem } from "../../api/problem";
import { usePaced } from "../usePaced";
import type { Series } from "./series";

/** The series of a run, by default of the newest; asked for again while `changed` does, every two seconds at most. */
export function useSeries(mailingId: string, runId: string | undefined, changed: unknown) {
  const [known, setKnown] = useState<{ of: string; series: Series } | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const { turn, again } = usePaced(changed);
  const wanted = `${mailingId} ${runId ?? ""}`;
  useEffect(() => {
    const own = new AbortController();
    const query = runId ? `?run_id=${encodeURIComponent(runId)}` : "";
    fetch(`/public/v1/mailings/${encodeURIComponent(mailingId)}/series${query}`, { signal: own.signal })
      .then(async (answer) => {
        const body: unknown = await answer.json().catch(() => null);
        if (!answer.ok) throw Problem.read(answer.status, body);
        setKnown({ of: wanted, series: body as Series });
        setProblem(null);
      })
      .catch((error: unknown) => {
        if (!own.signal.aborted) setProblem(Problem.of(error));
      });
    return () => own.abort();
  }, [mailingId, runId, wanted, turn]);
  const series = known?.of === wanted ? known.series : null; // never that of another run
  return { series, problem, again };
}
