import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { Problem } from "../api/problem";
import { SeriesPanel } from "../live/series/SeriesPanel";
import { type Live, type Run, STATES } from "../live/types";
import { usePaced } from "../live/usePaced";
import { number, percent } from "../ui/format";
import { ProblemPanel } from "../ui/ProblemPanel";
import { Time } from "../ui/Time";
import { language } from "../words";
import "./words";

/** All counts of a mailing, its runs, and the series of the newest one. */
export default function Details({ mailing }: { mailing: Live }) {
  const { t } = useTranslation();
  return (
    <div className="row g-4">
      <div className="col-12 col-lg-5">
        <Counts mailing={mailing} />
        {mailing.recipients && <p className="small mt-2 mb-0">{t("countsAgain")}</p>}
      </div>
      <div className="col-12 col-lg-7">
        <Runs mailing={mailing} />
      </div>
      {mailing.run.number > 0 && (
        <div className="col-12">
          <SeriesPanel
            mailingId={mailing.mailing_id}
            changed={mailing}
            of={mailing.run.number > 1 && t("series.newest")}
          />
        </div>
      )}
    </div>
  );
}

function Counts({ mailing }: { mailing: Live }) {
  const { t } = useTranslation();
  const share = (count: number) => mailing.planned > 0 && percent(count, mailing.planned, language());
  return (
    <table className="table table-sm tabular caption-top mb-0">
      <caption>{t("counts")}</caption>
      <thead>
        <tr>
          <th scope="col">{t("countsStatus")}</th>
          <th scope="col" className="text-end">
            {t("countsNumber")}
          </th>
          <th scope="col" className="text-end">
            {t("countsShare")}
          </th>
        </tr>
      </thead>
      <tbody>
        {STATES.map((state) => (
          <tr key={state} data-state={state}>
            <th scope="row" className="fw-normal">
              <span className={`dot dot-${state}`} aria-hidden="true" />
              {t(`state.${state}`)}
            </th>
            <td className="text-end">{number(mailing.by_status[state], language())}</td>
            <td className="text-end">{share(mailing.by_status[state])}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">{t("total")}</th>
          <td className="text-end fw-semibold">{number(mailing.planned, language())}</td>
          <td />
        </tr>
        <tr>
          <th scope="row" className="fw-normal">
            {t("attempts")}
          </th>
          <td className="text-end">{number(mailing.attempts, language())}</td>
          <td />
        </tr>
      </tfoot>
    </table>
  );
}

function Runs({ mailing }: { mailing: Live }) {
  const { t } = useTranslation();
  const { runs, problem, again } = useRuns(mailing);
  if (problem !== null) return <ProblemPanel error={problem} again={again} />;
  if (runs === null) return <p role="status">{t("loading")}</p>;
  if (runs.length === 0) return <p>{t("runsNone")}</p>;
  return (
    <div className="table-responsive" role="region" aria-label={t("runs")} tabIndex={0}>
      <table className="table table-sm tabular caption-top mb-0">
        <caption>{t("runs")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("run")}</th>
            <th scope="col">{t("runBegan")}</th>
            <th scope="col">{t("runEnded")}</th>
            <th scope="col" className="text-end">
              {t("delivered")}
            </th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run, place) => (
            <tr key={run.run_id}>
              <th scope="row" className="fw-normal">
                <Name run={run} isOldest={place === runs.length - 1} />
              </th>
              <td>{run.began_at ? <Time at={run.began_at} precision="second" /> : "–"}</td>
              <td>
                <Ended run={run} isPaused={mailing.status === "paused"} />
              </td>
              <td className="text-end">
                {number(run.by_status.delivered, language())} / {number(run.planned, language())}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What a run is called; one that sends again what another one has sent has no name of its own. */
function Name({ run: { nominal }, isOldest }: { run: Run; isOldest: boolean }) {
  const { t } = useTranslation();
  if (nominal && nominal !== "once") return <>{nominal}</>;
  return <>{t(nominal || isOldest ? "once" : "resent")}</>;
}

function Ended({ run, isPaused }: { run: Run; isPaused: boolean }) {
  const { t } = useTranslation();
  if (run.missed_at) return <>{t("runMissed")}</>;
  if (!run.finished_at) return <>{t(isPaused ? "status.paused" : "runGoing")}</>;
  return <Time at={run.finished_at} precision="second" />;
}

/** The runs of a mailing, asked for again when it has changed, every two seconds at most. */
function useRuns(mailing: Live) {
  const [runs, setRuns] = useState<Run[] | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const { turn, again } = usePaced(mailing);
  const id = mailing.mailing_id;
  useEffect(() => {
    const own = new AbortController();
    fetch(`/public/v1/mailings/${id}`, { signal: own.signal })
      .then(async (answer) => {
        const body: unknown = await answer.json().catch(() => null);
        if (!answer.ok) throw Problem.read(answer.status, body);
        setRuns((body as { runs: Run[] }).runs);
        setProblem(null);
      })
      .catch((error: unknown) => {
        if (!own.signal.aborted) setProblem(error);
      });
    return () => own.abort();
  }, [id, turn]);
  return { runs, problem, again };
}
