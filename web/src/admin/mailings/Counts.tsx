import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { Bar } from "../../live/Bar";
import { number } from "../../ui/format";
import { language } from "../../words";
import type { Mailing } from "./api";
import { MESSAGE_STATES } from "./search";
import { useFigures } from "./useFigures";

/** How many messages are in which state; each count leads to its messages. */
export function Counts({ mailing, run }: { mailing: Mailing; run: string | undefined }) {
  const { t } = useTranslation();
  const { now: known, byClient } = useFigures(mailing, run !== undefined);
  if (!known) return <p className="text-body-secondary">{t("counts.none")}</p>;
  return (
    <div className="mb-3">
      <Bar mailing={known} />
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
      {byClient && byClient.clients < known.planned && (
        <p className="small mt-2 mb-0" data-clients-delivered={byClient.by_status.delivered}>
          {t("counts.byClient", {
            delivered: number(byClient.by_status.delivered, language()),
            all: number(byClient.clients, language()),
          })}
        </p>
      )}
    </div>
  );
}
