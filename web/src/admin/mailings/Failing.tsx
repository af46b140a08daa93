import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { nearlyAllFail, triedOf } from "../../ui/failing";
import { number } from "../../ui/format";
import { ReasonText } from "../../ui/ReasonText";
import { language } from "../../words";
import { type Mailing, reasons as reasonsQuery, type Run } from "./api";
import { useFigures } from "./useFigures";
import { useVerb } from "./useVerb";

const UNSENT: ReadonlySet<string> = new Set(["failed", "undetermined", "retry"]);

interface Fails {
  runId: string;
  failed: number;
  tried: number;
  reason: string | null; // the most frequent one; none: not known yet
}

/** Returns how a run fails that is going on, if nearly all of its messages do; null: they do not. */
export function useFailing(mailing: Mailing, run: Run | undefined): Fails | null {
  const { runs } = useFigures(mailing, run !== undefined);
  const counts = runs.find((each) => each.run_id === run?.run_id)?.by_status;
  const isGoingOn = run?.finished_at === null && (mailing.status === "running" || mailing.status === "paused");
  const { failed, tried } = counts && isGoingOn ? triedOf(counts) : { failed: 0, tried: 0 };
  const fails = nearlyAllFail(failed, tried);
  const found = useQuery({ ...reasonsQuery(run?.run_id ?? ""), enabled: fails });
  if (!fails || !run) return null;
  const most = (found.data?.items ?? [])
    .filter((each) => UNSENT.has(each.status) && each.reason !== null)
    .sort((a, b) => b.count - a.count)[0];
  return { runId: run.run_id, failed, tried, reason: most?.reason ?? null };
}

/** That nearly all messages fail, why most often, and what can be done about it now. */
export function Failing({ mailing, failing }: { mailing: Mailing; failing: Fails }) {
  const { t } = useTranslation();
  const verb = useVerb();
  const { runId, failed, tried, reason } = failing;
  return (
    <section className="panel panel-warning" role="alert">
      <p className="fw-semibold mb-1">
        <span aria-hidden="true">⚠ </span>
        {t("failing.heading", { number: number(failed, language()), count: tried })}
      </p>
      {reason && (
        <p className="mb-2">
          {t("failing.reason")} <ReasonText code={reason} />.
        </p>
      )}
      <div className="d-flex flex-wrap align-items-center gap-3">
        {mailing.status === "running" && (
          <Button size="sm" variant="outline-primary" disabled={verb.pending !== null} onClick={() => verb.ask("pause", mailing)}>
            {t("verb.pause")}
          </Button>
        )}
        <Link from="/mailings/$id" to="." search={{ tab: "reasons", run: runId }} resetScroll={false}>
          {t("failing.reasons")}
        </Link>
      </div>
      {verb.problem && <div className="mt-2">{verb.problem}</div>}
    </section>
  );
}
