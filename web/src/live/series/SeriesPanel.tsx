import "./series.css";

import { lazy, type ReactNode, Suspense, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { ProblemPanel } from "../../ui/ProblemPanel";
import { SeriesTable } from "./SeriesTable";
import { everyStep } from "./series";
import { useSeries } from "./useSeries";
import "./words";

const Chart = lazy(() => import("./Chart"));

const VIEWS = ["rate", "sum", "table"] as const;

interface Props {
  mailingId: string;
  runId?: string | undefined; // by default the newest
  changed: unknown; // is another whenever figures are
  of?: ReactNode; // which run it is of, where there are several
}

/** What became of a run's messages over time: as a chart, and the same as a table. */
export function SeriesPanel({ mailingId, runId, changed, of }: Props) {
  const { t } = useTranslation();
  const [view, setView] = useState<(typeof VIEWS)[number]>("rate");
  return (
    <section className="series" aria-label={t("series.heading")}>
      <div className="d-flex flex-wrap align-items-center gap-2 mb-2">
        <span className="fw-semibold">{t("series.heading")}</span>
        <span className="me-auto">{of}</span>
        <div className="btn-group btn-group-sm no-print" role="group" aria-label={t("series.view")}>
          {VIEWS.map((each) => (
            <button
              key={each}
              type="button"
              className={`btn btn-outline-secondary${each === view ? " active" : ""}`}
              aria-pressed={each === view}
              onClick={() => setView(each)}
            >
              {t(`series.${each}`)}
            </button>
          ))}
        </div>
      </div>
      <Shown mailingId={mailingId} runId={runId} changed={changed} view={view} />
    </section>
  );
}

function Shown({ mailingId, runId, changed, view }: Omit<Props, "of"> & { view: (typeof VIEWS)[number] }) {
  const { t } = useTranslation();
  const { series, problem, again } = useSeries(mailingId, runId, changed);
  const steps = useMemo(() => series && everyStep(series), [series]);
  if (problem?.status === 410) return <p className="mb-0">{t("series.archived")}</p>;
  if (problem?.status === 404) return <p className="mb-0">{t("series.none")}</p>;
  if (problem !== null && series === null) return <ProblemPanel error={problem} again={again} />;
  if (series === null || steps === null) return <p role="status">{t("loading")}</p>;
  if (steps.at.length === 0) return <p className="mb-0">{t("series.none")}</p>;
  return (
    <>
      {view === "table" ? (
        <SeriesTable series={series} />
      ) : (
        <Suspense fallback={<p role="status">{t("loading")}</p>}>
          <Chart steps={steps} view={view} />
        </Suspense>
      )}
      {!series.is_complete && <p className="small mb-0">{t("series.incomplete")}</p>}
    </>
  );
}
