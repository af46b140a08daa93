import { Link } from "@tanstack/react-router";
import { Fragment } from "react";
import { useTranslation } from "react-i18next";

import { Bar } from "../../live/Bar";
import { number } from "../../ui/format";
import { language } from "../../words";
import type { Figures, Mailing, Run, RunFigures } from "./api";
import { useRunName } from "./RunChoice";
import { MESSAGE_STATES } from "./search";
import { useFigures } from "./useFigures";

interface Props {
  mailing: Mailing;
  run: Run | undefined; // none: all of them
  hasRun: boolean;
}

/** How many messages are in which state, of all runs or of the chosen one; each count leads to its messages. */
export function Counts({ mailing, run, hasRun }: Props) {
  const { t } = useTranslation();
  const { now, runs, byClient } = useFigures(mailing, hasRun);
  const known = run ? runs.find((each) => each.run_id === run.run_id) : now;
  const clients = !run && byClient && known && byClient.clients < known.planned ? byClient : null;
  return (
    <div className="mb-3">
      {run && runs.length > 1 && <Which run={run} />}
      {known ? (
        <>
          {clients && <ByClient of={clients} />}
          <Bar mailing={clients ? { planned: clients.clients, by_status: clients.by_status } : known} />
          {clients && <p className="small mt-2 mb-0">{t("counts.again")}</p>}
          <Tiles known={known} run={run?.run_id} />
        </>
      ) : (
        <p className="text-body-secondary">{t("counts.none")}</p>
      )}
    </div>
  );
}

/** Of which run the counts are, and the way to those of all. */
function Which({ run }: { run: Run }) {
  const { t } = useTranslation();
  const nameOf = useRunName();
  return (
    <p className="mb-2">
      {t("runs.run")}: <span className="fw-semibold">{nameOf(run)}</span> ·{" "}
      <Link from="/mailings/$id" to="." search={(old) => ({ ...old, run: undefined, message: undefined })} resetScroll={false}>
        {t("runs.all")}
      </Link>
    </p>
  );
}

/** What became of clients: whoever was sent a message again counts once, by the best. */
function ByClient({ of }: { of: Figures["recipients"] }) {
  const { t } = useTranslation();
  return (
    <p className="mb-2 fw-semibold tabular" data-clients-delivered={of.by_status.delivered}>
      {t("counts.clients", { count: of.clients })}:{" "}
      {MESSAGE_STATES.filter((each) => of.by_status[each] > 0).map((each, place) => (
        <Fragment key={each}>
          {place > 0 && ", "}
          <span className="text-nowrap">
            {number(of.by_status[each], language())} {t(`state.${each}`)}
          </span>
        </Fragment>
      ))}
    </p>
  );
}

function Tiles({ known, run }: { known: Pick<RunFigures, "planned" | "attempts" | "by_status">; run: string | undefined }) {
  const { t } = useTranslation();
  return (
    <ul className="counts list-unstyled d-flex flex-wrap gap-2 mt-2 mb-0 tabular">
      <li className="border rounded px-2 py-1">
        <span className="d-block fw-semibold">{number(known.planned, language())}</span>
        <span className="small">{t("counts.all", { count: known.planned })}</span>
      </li>
      {MESSAGE_STATES.filter((each) => known.by_status[each] > 0).map((each) => (
        <li key={each} data-state={each}>
          <Link
            from="/mailings/$id"
            to="."
            search={{ tab: "messages", status: each, run }}
            resetScroll={false}
            className="d-block border rounded px-2 py-1 text-decoration-none text-body"
          >
            <span className="d-block fw-semibold">{number(known.by_status[each], language())}</span>
            <span className="small">
              <span className={`dot dot-${each}`} aria-hidden="true" />
              {t(`state.${each}`)}
            </span>
          </Link>
        </li>
      ))}
      <li className="px-2 py-1">
        <span className="d-block">{number(known.attempts, language())}</span>
        <span className="small">{t("counts.attempts", { count: known.attempts })}</span>
      </li>
    </ul>
  );
}
