import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { number } from "../../ui/format";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { stateOfRun } from "../../ui/status";
import { Time } from "../../ui/Time";
import { language } from "../../words";
import { type Mailing, type Run, type RunFigures, schedule as scheduleQuery } from "./api";
import { DayAndTime } from "./DayAndTime";
import { Occurrences } from "./Occurrences";
import { Resend } from "./Resend";
import { noRun, resendOf } from "./runs";
import { useFigures } from "./useFigures";

/** The runs of a mailing, the newest first; of one that recurs also those to come. */
export function Runs({ mailing, runs, problem }: { mailing: Mailing; runs: readonly Run[]; problem: unknown }) {
  const { t } = useTranslation();
  const known = useFigures(mailing, runs.length > 0);
  const [resent, setResent] = useState<Run | null>(null);
  const byRun = new Map(known.runs.map((each) => [each.run_id, each]));
  return (
    <>
      {mailing.schedule && <Next mailing={mailing} hasRun={runs.length > 0} />}
      {problem !== null && <ProblemPanel error={problem} />}
      {runs.length === 0 ? (
        <p>{t(known.now ? "loading" : noRun(mailing.status))}</p>
      ) : (
        <div className="table-responsive">
          <table className="table align-middle tabular caption-top stacking">
            <caption>{t("runs.caption")}</caption>
            <thead>
              <tr>
                <th scope="col">{t("runs.run")}</th>
                <th scope="col">{t("mailings.status")}</th>
                <th scope="col">{t("runs.began")}</th>
                <th scope="col">{t("runs.ended")}</th>
                <th scope="col" className="text-end">
                  {t("delivered")}
                </th>
                <th scope="col">
                  <span className="visually-hidden">{t("mailings.actions")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {runs.map((run) => (
                <Row
                  key={run.run_id}
                  run={run}
                  state={stateOfRun(run, mailing.status)}
                  isAlone={runs.length === 1}
                  figures={byRun.get(run.run_id)}
                  resend={resendOf(run, runs, mailing)}
                  onResend={setResent}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {resent && <Resend run={resent} onClose={() => setResent(null)} />}
    </>
  );
}

function Row({
  run,
  state,
  isAlone,
  figures: known,
  resend,
  onResend,
}: {
  run: Run;
  state: string;
  isAlone: boolean; // no other run of its mailing is shown
  figures: RunFigures | undefined;
  resend: ReturnType<typeof resendOf>;
  onResend: (run: Run) => void;
}) {
  const { t } = useTranslation();
  const isOver = run.finished_at !== null || run.archived_at !== null;
  const counts = known?.by_status;
  const unsent = counts ? counts.failed + counts.expired + counts.undetermined + counts.cancelled : 0;
  return (
    <tr>
      <th scope="row" className="fw-normal">
        <Link from="/mailings/$id" to="." search={{ tab: "messages", run: run.run_id }}>
          {nameOf(known?.nominal) ?? t(run.resent_from ? "runs.resent" : isAlone ? "runs.once" : "runs.first")}
        </Link>
      </th>
      <td data-label={t("mailings.status")} data-state={state}>{t(`runState.${state}`)}</td>
      <td data-label={t("runs.began")}>
        <Time at={run.starts_at} precision="second" />
      </td>
      <td data-label={t("runs.ended")}>{run.finished_at ? <Time at={run.finished_at} precision="second" /> : "–"}</td>
      <td className="text-sm-end text-nowrap" data-label={t("delivered")}>
        {counts ? number(counts.delivered, language()) : "–"} / {number(run.planned, language())}
      </td>
      <td className="text-sm-end">
        {isOver && !run.archived_at && unsent > 0 && (
          resend === "open" ? (
            <Button size="sm" variant="outline-primary" onClick={() => onResend(run)}>
              {t("resend.open")}
            </Button>
          ) : (
            <span className="small text-body-secondary">{t(`resend.${resend}`)}</span>
          )
        )}
      </td>
    </tr>
  );
}

function nameOf(nominal: string | null | undefined): string | null {
  return nominal && nominal !== "once" ? nominal.replace("T", " ") : null;
}

/** When it comes next; what has not begun says its first run above. */
function Next({ mailing, hasRun }: { mailing: Mailing; hasRun: boolean }) {
  const { t } = useTranslation();
  const found = useQuery(scheduleQuery(mailing.mailing_id));
  const { schedule } = mailing;
  if (!schedule || mailing.status === "finished" || mailing.status === "stopped") return null;
  return (
    <div className="mb-3">
      {hasRun && found.data?.next_fire_at && (
        <p className="mb-1 fw-semibold">
          {t("runs.next")} <DayAndTime at={found.data.next_fire_at} />
          {mailing.time_policy && `, ${t(`clock.${mailing.time_policy.kind}`)}`}
        </p>
      )}
      <Occurrences
        schedule={schedule}
        startsAt={mailing.starts_at}
        endsAt={mailing.ends_at}
        limit={5}
        policy={mailing.time_policy}
      />
    </div>
  );
}
