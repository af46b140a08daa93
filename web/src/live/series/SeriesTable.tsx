import { useTranslation } from "react-i18next";

import { number } from "../../ui/format";
import { Time } from "../../ui/Time";
import { useDuration } from "../../ui/useDuration";
import { language } from "../../words";
import { inSteps, OUTCOMES, type Series } from "./series";

const MOST = 120;

/** The steps as a table: how many messages got where in each step. */
export function SeriesTable({ series }: { series: Series }) {
  const { t } = useTranslation();
  const inWords = useDuration();
  const { stepS, rows } = inSteps(series, MOST);
  const shown = OUTCOMES.filter((each) => series.by_status[each].some((count) => count !== 0));
  return (
    <div className="series-table table-responsive" role="region" aria-label={t("series.table")} tabIndex={0}>
      <table className="table table-sm tabular caption-top mb-0">
        <caption>{t("series.caption", { step: inWords(stepS) })}</caption>
        <thead>
          <tr>
            <th scope="col">{t("series.from")}</th>
            {shown.map((each) => (
              <th key={each} scope="col" className="text-end">
                <span className={`dot dot-${each}`} aria-hidden="true" />
                {t(`state.${each}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.at}>
              <th scope="row" className="fw-normal text-nowrap">
                <Time at={new Date(row.at * 1_000)} precision={stepS < 60 ? "second" : "minute"} />
              </th>
              {shown.map((each) => (
                <td key={each} className="text-end">
                  {number(row.counts[each] ?? 0, language())}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
